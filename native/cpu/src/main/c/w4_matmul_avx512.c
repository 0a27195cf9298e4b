#include "fixed_point_avx512.h"
#include "w4_group_avx512.h"
#include "warpwright_cpu.h"

#define TILES 4
#define LANES 16

/* One group's part of a row of x: at most 16 elements at a time, those of `step` lanes. */
static inline __mmask16 step_mask(int64_t group) { return group < LANES ? 0xff : 0xffff; }

static inline int32_t most_magnitude(const float *x, int64_t group, __mmask16 mask) {
  __m512i most = _mm512_setzero_si512();
  for (int64_t k = 0; k < group; k += LANES) {
    most = _mm512_max_epi32(most, ww_magnitude_bits(_mm512_maskz_loadu_ps(mask, x + k)));
  }
  return _mm512_reduce_max_epi32(most);
}

int32_t ww_w4_fixed_point(
    const float *x, int64_t x_at, int64_t groups, int64_t group, int32_t *out, int64_t out_at) {
  /* Of four columns, all lowest digits, then all second ones, … */
  const __m512i by_digit = _mm512_broadcast_i32x4(
      _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  const __m512i ones = _mm512_set1_epi8(1);
  const __mmask16 mask = step_mask(group);
  x += x_at;
  out += out_at;
  for (int64_t g = 0; g < groups; g++, x += group) {
    int32_t most = most_magnitude(x, group, mask);
    if (most >= WW_INFINITE) {
      return 0;
    }
    int32_t exponent = ww_exponent(most);
    __m512 factor = _mm512_set1_ps(ww_factor(exponent));
    __m512i sums = _mm512_setzero_si512();
    for (int64_t k = 0; k < group; k += LANES, out += group < LANES ? group : LANES) {
      __m512i digits =
          _mm512_shuffle_epi8(ww_digits(_mm512_maskz_loadu_ps(mask, x + k), factor), by_digit);
      sums = _mm512_dpbusd_epi32(sums, ones, digits);
      _mm512_mask_storeu_epi32(out, mask, digits);
    }
    __m128i sum = _mm_add_epi32(
        _mm_add_epi32(_mm512_extracti32x4_epi32(sums, 0), _mm512_extracti32x4_epi32(sums, 1)),
        _mm_add_epi32(_mm512_extracti32x4_epi32(sums, 2), _mm512_extracti32x4_epi32(sums, 3)));
    _mm_storeu_si128((__m128i *)out, _mm_mullo_epi32(sum, _mm_set1_epi32(-8)));
    *(float *)(out + 4) = ww_scale(exponent);
    out += 5;
  }
  return 1;
}

void ww_w4_round(
    const float *x, int64_t x_at, int64_t groups, int64_t group, int32_t *out, int64_t out_at) {
  const __mmask16 mask = step_mask(group);
  const __m512i limit = _mm512_set1_epi32(127);
  const __m512i lower = _mm512_set1_epi32(-127);
  x += x_at;
  out += out_at;
  for (int64_t g = 0; g < groups; g++, x += group) {
    int32_t most = most_magnitude(x, group, mask);
    float scale = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(most))) / 127;
    /* Codes of a zero scale are zero, and those of an infinite one do not matter. */
    __mmask16 coded = scale > 0 && most < WW_INFINITE ? mask : 0;
    __m512i sum = _mm512_setzero_si512();
    for (int64_t k = 0; k < group; k += LANES, out += group < LANES ? group / 4 : LANES / 4) {
      __m512 quotient =
          _mm512_maskz_div_ps(coded, _mm512_maskz_loadu_ps(mask, x + k), _mm512_set1_ps(scale));
      __m512i code = _mm512_cvtps_epi32(quotient);
      code = _mm512_max_epi32(_mm512_min_epi32(code, limit), lower);
      sum = _mm512_add_epi32(sum, code);
      _mm512_mask_cvtepi32_storeu_epi8(out, mask, code);
    }
    out[0] = -8 * _mm512_reduce_add_epi32(sum);
    ((float *)out)[1] = most < WW_INFINITE ? scale : __builtin_nanf("");
    out += 2;
  }
}

static inline __attribute__((always_inline)) void multiply(
    const uint8_t *codes,
    int64_t stride,
    const uint16_t *scales,
    int64_t groups,
    const int64_t words,
    const int digits,
    const int32_t *x,
    float *y,
    int64_t count) {
  __m512 sums[TILES];
  for (int t = 0; t < TILES; t++) {
    sums[t] = _mm512_setzero_ps();
  }
  for (int64_t g = 0; g < groups; g++) {
    for (int pair = 0; pair < TILES; pair += 2) {
      const uint8_t *from[2] = {codes + pair * stride, codes + (pair + 1) * stride};
      __m512 in_group[2];
      ww_group_sums(from, 2, words, digits, x, in_group);
      for (int t = 0; t < 2; t++) {
        const uint16_t *scale = scales + (pair + t) * LANES;
        ww_ask((const uint8_t *)scale);
        sums[pair + t] = _mm512_fmadd_ps(ww_scales(scale), in_group[t], sums[pair + t]);
      }
    }
    codes += words * 64;
    scales += TILES * LANES;
    x += words * 2 * digits + digits + 1;
  }
  for (int t = 0; t < TILES; t++) {
    _mm512_mask_storeu_ps(y + t * LANES, ww_rows(count - t * LANES), sums[t]);
  }
}

void ww_w4_multiply(
    const uint8_t *codes,
    int64_t codes_stride,
    const uint16_t *scales,
    int64_t unit,
    int64_t groups,
    int64_t group,
    int64_t digits,
    const int32_t *x,
    int64_t x_at,
    float *y,
    int64_t y_at,
    int64_t count) {
  codes += unit * groups * (group / 8) * 64;
  scales += unit * groups * TILES * LANES;
  x += x_at;
  y += y_at;
#define CASE(words, digits) \
  multiply(codes, codes_stride, scales, groups, words, digits, x, y, count)
  if (digits == 1) {
    switch (group) {
      case 32: CASE(4, 1); break;
      case 128: CASE(16, 1); break;
      default: CASE(group / 8, 1);
    }
  } else {
    switch (group) {
      case 32: CASE(4, 4); break;
      case 128: CASE(16, 4); break;
      default: CASE(group / 8, 4);
    }
  }
#undef CASE
}

void ww_w4_multiply_floats(
    const uint8_t *codes,
    int64_t codes_stride,
    const uint16_t *scales,
    int64_t unit,
    int64_t groups,
    int64_t group,
    const float *x,
    int64_t x_at,
    float *y,
    int64_t y_at,
    int64_t count) {
  int64_t words = group / 8;
  codes += unit * groups * words * 64;
  scales += unit * groups * TILES * LANES;
  for (int t = 0; t < TILES; t++) {
    __m512 sum = _mm512_setzero_ps();
    const uint8_t *from = codes + t * codes_stride;
    const float *columns = x + x_at;
    for (int64_t g = 0; g < groups; g++) {
      __m512 in_group = ww_group_sum_of_floats(from, words, columns);
      sum = _mm512_fmadd_ps(ww_scales(scales + (g * TILES + t) * LANES), in_group, sum);
      from += words * 64;
      columns += group;
    }
    _mm512_mask_storeu_ps(y + y_at + t * LANES, ww_rows(count - t * LANES), sum);
  }
}
