#include "fixed_point_avx512.h"
#include "warpwright_cpu.h"

#define TILES 4
#define LANES 16

/* Bytes that are asked for ahead of where a stream is read. */
#define AHEAD 1024

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

/*
 * Σ_k X[k] (code[k] - 8) over a group for one tile, exact in the integers `a` and rounded twice when
 * they become one float.
 */
static inline __m512 group_sum(const __m512i *a, const int digits) {
  if (digits == 1) {
    return _mm512_cvtepi32_ps(a[0]);
  }
  __m512i low = _mm512_add_epi32(_mm512_slli_epi32(a[1], 8), a[0]);
  __m512i high = _mm512_add_epi32(_mm512_slli_epi32(a[3], 8), a[2]);
  return _mm512_fmadd_ps(
      _mm512_cvtepi32_ps(high), _mm512_set1_ps(65536), _mm512_cvtepi32_ps(low));
}

/* Two tiles at a time: their sums and the broadcast words of x fill the registers. */
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
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512 sums[TILES];
  for (int t = 0; t < TILES; t++) {
    sums[t] = _mm512_setzero_ps();
  }
  for (int64_t g = 0; g < groups; g++) {
    const int32_t *start = x + words * 2 * digits;
    const __m512 x_scale = _mm512_set1_ps(*(const float *)(start + digits));
    for (int pair = 0; pair < TILES; pair += 2) {
      const uint8_t *from = codes + pair * stride;
      __m512i a[2][4];
      for (int d = 0; d < digits; d++) {
        a[0][d] = a[1][d] = _mm512_set1_epi32(start[d]);
      }
      for (int64_t j = 0; j < words; j++) {
        __m512i low[2];
        __m512i high[2];
        for (int t = 0; t < 2; t++) {
          const uint8_t *at = from + t * stride + j * 64;
          _mm_prefetch((const char *)(at + AHEAD), _MM_HINT_T0);
          __m512i v = _mm512_load_si512(at);
          low[t] = _mm512_and_si512(v, nibble);
          high[t] = _mm512_and_si512(_mm512_srli_epi32(v, 4), nibble);
        }
        for (int d = 0; d < digits; d++) {
          __m512i x0 = _mm512_set1_epi32(x[2 * j * digits + d]);
          __m512i x1 = _mm512_set1_epi32(x[(2 * j + 1) * digits + d]);
          for (int t = 0; t < 2; t++) {
            a[t][d] = _mm512_dpbusd_epi32(a[t][d], low[t], x0);
            a[t][d] = _mm512_dpbusd_epi32(a[t][d], high[t], x1);
          }
        }
      }
      for (int t = 0; t < 2; t++) {
        const uint16_t *scale = scales + (pair + t) * LANES;
        _mm_prefetch((const char *)scale + AHEAD, _MM_HINT_T0);
        /* By the power of two first, which is exact: the product of both scales may underflow. */
        __m512 sum = _mm512_mul_ps(group_sum(a[t], digits), x_scale);
        sums[pair + t] = _mm512_fmadd_ps(
            _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)scale)), sum, sums[pair + t]);
      }
    }
    codes += words * 64;
    scales += TILES * LANES;
    x = start + digits + 1;
  }
  for (int t = 0; t < TILES; t++) {
    int64_t rows = count - t * LANES;
    __mmask16 mask = rows >= LANES ? 0xffff : rows <= 0 ? 0 : (__mmask16)((1 << rows) - 1);
    _mm512_mask_storeu_ps(y + t * LANES, mask, sums[t]);
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
  const __m512i nibble = _mm512_set1_epi32(15);
  const __m512i zero = _mm512_set1_epi32(8);
  int64_t words = group / 8;
  codes += unit * groups * words * 64;
  scales += unit * groups * TILES * LANES;
  for (int t = 0; t < TILES; t++) {
    __m512 sum = _mm512_setzero_ps();
    const uint8_t *from = codes + t * codes_stride;
    const float *columns = x + x_at;
    for (int64_t g = 0; g < groups; g++) {
      __m512 in_group = _mm512_setzero_ps();
      for (int64_t j = 0; j < words; j++, from += 64, columns += 8) {
        __m512i v = _mm512_load_si512(from);
        for (int i = 0; i < 8; i++) {
          __m512i code = _mm512_and_si512(_mm512_srl_epi32(v, _mm_cvtsi32_si128(4 * i)), nibble);
          __m512 w = _mm512_cvtepi32_ps(_mm512_sub_epi32(code, zero));
          in_group = _mm512_fmadd_ps(w, _mm512_set1_ps(columns[i % 2 * 4 + i / 2]), in_group);
        }
      }
      const uint16_t *scale = scales + (g * TILES + t) * LANES;
      sum = _mm512_fmadd_ps(
          _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)scale)), in_group, sum);
    }
    int64_t rows = count - t * LANES;
    __mmask16 mask = rows >= LANES ? 0xffff : rows <= 0 ? 0 : (__mmask16)((1 << rows) - 1);
    _mm512_mask_storeu_ps(y + y_at + t * LANES, mask, sum);
  }
}
