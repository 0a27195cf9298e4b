/* Products of one group of columns: 16 rows of 4-bit codes, a row a lane, with one row of x. */
#ifndef WARPWRIGHT_W4_GROUP_H
#define WARPWRIGHT_W4_GROUP_H

#include <immintrin.h>
#include <stdint.h>

/* Bytes that are asked for ahead of where a stream is read. */
#define WW_AHEAD 1024

static inline void ww_ask(const uint8_t *at) {
  _mm_prefetch((const char *)(at + WW_AHEAD), _MM_HINT_T0);
}

/* The scales of 16 rows. */
static inline __m512 ww_scales(const uint16_t *scales) {
  return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)scales));
}

/* The lanes of the first `rows` rows. */
static inline __mmask16 ww_rows(int64_t rows) {
  return rows >= 16 ? 0xffff : rows <= 0 ? 0 : (__mmask16)((1 << rows) - 1);
}

/*
 * sums[v] = Σ_k x[k] (code[k] - 8) for `vectors` times 16 rows, before their scales. Two at a time:
 * their sums and the words of x fill the registers. Sums of digits are exact; they are rounded twice
 * when they become one float, which is multiplied with a power of two.
 *
 * words  vectors of codes of a group, eight columns each
 */
static inline __attribute__((always_inline)) void ww_group_sums(
    const uint8_t *const *codes,
    const int vectors,
    const int64_t words,
    const int digits,
    const int32_t *x,
    __m512 *sums) {
  const __m512i nibble = _mm512_set1_epi8(15);
  const int32_t *start = x + words * 2 * digits;
  __m512i a[2][4];
  for (int d = 0; d < digits; d++) {
    for (int v = 0; v < vectors; v++) {
      a[v][d] = _mm512_set1_epi32(start[d]);
    }
  }
  /* Unrolled, sums would no longer fit the registers. */
#pragma GCC unroll 1
  for (int64_t j = 0; j < words; j++) {
    __m512i low[2];
    __m512i high[2];
    for (int v = 0; v < vectors; v++) {
      ww_ask(codes[v] + j * 64);
      __m512i eight = _mm512_load_si512(codes[v] + j * 64);
      low[v] = _mm512_and_si512(eight, nibble);
      high[v] = _mm512_and_si512(_mm512_srli_epi32(eight, 4), nibble);
    }
    for (int d = 0; d < digits; d++) {
      __m512i x0 = _mm512_set1_epi32(x[2 * j * digits + d]);
      __m512i x1 = _mm512_set1_epi32(x[(2 * j + 1) * digits + d]);
      for (int v = 0; v < vectors; v++) {
        a[v][d] = _mm512_dpbusd_epi32(a[v][d], low[v], x0);
        a[v][d] = _mm512_dpbusd_epi32(a[v][d], high[v], x1);
      }
    }
  }
  const __m512 scale = _mm512_set1_ps(*(const float *)(start + digits));
  for (int v = 0; v < vectors; v++) {
    __m512 sum;
    if (digits == 1) {
      sum = _mm512_cvtepi32_ps(a[v][0]);
    } else {
      __m512i lower = _mm512_add_epi32(_mm512_slli_epi32(a[v][1], 8), a[v][0]);
      __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(a[v][3], 8), a[v][2]);
      sum = _mm512_fmadd_ps(
          _mm512_cvtepi32_ps(upper), _mm512_set1_ps(65536), _mm512_cvtepi32_ps(lower));
    }
    /* By this scale first, which is exact: the product of both scales may underflow. */
    sums[v] = _mm512_mul_ps(sum, scale);
  }
}

/* The same for 16 rows and a row of floats. */
static inline __m512 ww_group_sum_of_floats(const uint8_t *codes, int64_t words, const float *x) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t j = 0; j < words; j++) {
    __m512i eight = _mm512_load_si512(codes + j * 64);
    for (int i = 0; i < 8; i++) {
      __m512i code = _mm512_and_si512(
          _mm512_srl_epi32(eight, _mm_cvtsi32_si128(4 * i)), _mm512_set1_epi32(15));
      __m512 w = _mm512_cvtepi32_ps(_mm512_sub_epi32(code, _mm512_set1_epi32(8)));
      sum = _mm512_fmadd_ps(w, _mm512_set1_ps(x[8 * j + i % 2 * 4 + i / 2]), sum);
    }
  }
  return sum;
}

#endif
