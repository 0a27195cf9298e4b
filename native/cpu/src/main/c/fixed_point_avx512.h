/* Floats as fixed-point numbers of four signed bytes. */
#ifndef WARPWRIGHT_FIXED_POINT_H
#define WARPWRIGHT_FIXED_POINT_H

#include <immintrin.h>
#include <stdint.h>

/* Bits of an infinity; those of NaN are larger. */
#define WW_INFINITE 0x7f800000

/* Magnitudes of X stay below 2^30, so that the upper digit fits a signed byte. */
#define WW_FRACTION 29

static inline __m512i ww_magnitude_bits(__m512 x) {
  return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
}

/* The float of an exponent field. */
static inline float ww_power(int32_t exponent_field) {
  union {
    int32_t bits;
    float value;
  } power = {.bits = exponent_field << 23};
  return power.value;
}

/*
 * The exponent field that X counts from, for numbers of the magnitude bits `most`: not so small that
 * the factor would overflow.
 */
static inline int32_t ww_exponent(int32_t most) {
  int32_t field = most >> 23;
  return field < WW_FRACTION + 1 ? WW_FRACTION + 1 : field;
}

/* x = X * this. */
static inline float ww_scale(int32_t exponent) { return ww_power(exponent - WW_FRACTION); }

/* X = x * this. */
static inline float ww_factor(int32_t exponent) { return ww_power(2 * 127 - exponent + WW_FRACTION); }

/*
 * The signed digits of each X, as bytes: adding 128 to the three lower digits makes the bytes of the
 * sum unsigned digits plus 128.
 */
static inline __m512i ww_digits(__m512 x, __m512 factor) {
  const __m512i half = _mm512_set1_epi32(0x00808080);
  return _mm512_xor_si512(
      _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(x, factor)), half), half);
}

#endif
