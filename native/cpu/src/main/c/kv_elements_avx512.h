/* Elements of keys and values: dot products with blocks of keys, and values as floats. */
#ifndef WARPWRIGHT_KV_ELEMENTS_H
#define WARPWRIGHT_KV_ELEMENTS_H

#include <immintrin.h>

#include "warpwright_cpu.h"

/* Slots whose keys lie side by side. */
#define BLOCK 16

/* Blocks that are worked on between two looks at the largest logit. */
#define BLOCKS 8

/* Query heads that share what is read of keys and values. */
#define COLUMNS 4

#define WW_INLINE static inline __attribute__((always_inline))

/* Lines that are asked for, of BLOCKS blocks in turn. */
struct asked {
  const uint8_t *const *blocks;
  int64_t lines;
};

WW_INLINE void ask(struct asked *asked, const int lines) {
  for (int i = 0; i < lines; i++) {
    int64_t k = asked->lines++;
    _mm_prefetch((const char *)(asked->blocks[k % BLOCKS] + k / BLOCKS * 64), _MM_HINT_T1);
  }
}

WW_INLINE int element_bytes(const int type) {
  return type == WW_F32 ? 4 : type == WW_F16 || type == WW_BF16 ? 2 : 1;
}

/* F8E4M3 codes at the top of 32-bit lanes: their bits, shifted, are a float of 2^-120 the value. */
WW_INLINE __m512 f8_floats(__m512i top) {
  __m512i bits = _mm512_and_si512(_mm512_srai_epi32(top, 4), _mm512_set1_epi32((int)0x87f00000));
  return _mm512_mul_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(0x1p120f));
}

/* Element `index` of the words of 16 slots, of all types but F16. */
WW_INLINE __m512 key(__m512i words, const int index, const int type) {
  switch (type) {
    case WW_BF16:
      return _mm512_castsi512_ps(
          index == 0 ? _mm512_slli_epi32(words, 16)
                     : _mm512_and_si512(words, _mm512_set1_epi32((int)0xffff0000)));
    case WW_I8:
      return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(words, 24 - 8 * index), 24));
    case WW_F8E4M3:
      return f8_floats(_mm512_slli_epi32(words, 24 - 8 * index));
    default:
      return _mm512_castsi512_ps(words);
  }
}

/* 16 elements of a value. */
WW_INLINE __m512 value(const uint8_t *row, int64_t dim, const int type) {
  switch (type) {
    case WW_F16:
      return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(row + 2 * dim)));
    case WW_BF16:
      return _mm512_castsi512_ps(_mm512_slli_epi32(
          _mm512_cvtepu16_epi32(_mm256_load_si256((const __m256i *)(row + 2 * dim))), 16));
    case WW_I8:
      return _mm512_cvtepi32_ps(
          _mm512_cvtepi8_epi32(_mm_load_si128((const __m128i *)(row + dim))));
    case WW_F8E4M3:
      return f8_floats(_mm512_slli_epi32(
          _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(row + dim))), 24));
    default:
      return _mm512_load_ps((const float *)(row + 4 * dim));
  }
}

/*
 * Dot products of `count` blocks of keys, at most four, one lane a slot: scores[column][block].
 * Queries are [words][columns][elements of a word].
 */
WW_INLINE void scores_words(
    const uint8_t *const *keys,
    struct asked *next,
    int64_t words,
    const float *queries,
    const int count,
    const int type,
    __m512 (*scores)[BLOCKS]) {
  const int elements = 4 / element_bytes(type);
  __m512 a[COLUMNS][4];
  for (int c = 0; c < COLUMNS; c++) {
    for (int b = 0; b < count; b++) {
      a[c][b] = _mm512_setzero_ps();
    }
  }
  for (int64_t word = 0; word < words; word++) {
    __m512i x[4];
    for (int b = 0; b < count; b++) {
      x[b] = _mm512_load_si512(keys[b] + 64 * word);
    }
    ask(next, count);
#pragma GCC unroll 4
    for (int e = 0; e < elements; e++) {
      __m512 k[4];
      for (int b = 0; b < count; b++) {
        k[b] = key(x[b], e, type);
      }
      for (int c = 0; c < COLUMNS; c++) {
        __m512 q = _mm512_set1_ps(queries[(COLUMNS * word + c) * elements + e]);
        for (int b = 0; b < count; b++) {
          a[c][b] = _mm512_fmadd_ps(k[b], q, a[c][b]);
        }
      }
    }
  }
  for (int c = 0; c < COLUMNS; c++) {
    for (int b = 0; b < count; b++) {
      scores[c][b] = a[c][b];
    }
  }
}

/*
 * The same of F16 keys, at most two blocks. A word holds two elements of a slot; converted as they
 * lie, even lanes hold the first and odd lanes the second ones of eight slots.
 */
WW_INLINE void scores_f16(
    const uint8_t *const *keys,
    struct asked *next,
    int64_t words,
    const float *queries,
    const int count,
    __m512 (*scores)[BLOCKS]) {
  const __m512i even =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  __m512 a[COLUMNS][4];
  for (int c = 0; c < COLUMNS; c++) {
    for (int h = 0; h < 2 * count; h++) {
      a[c][h] = _mm512_setzero_ps();
    }
  }
  for (int64_t word = 0; word < words; word++) {
    __m512 k[4];
    for (int b = 0; b < count; b++) {
      const __m256i *halves = (const __m256i *)(keys[b] + 64 * word);
      k[2 * b] = _mm512_cvtph_ps(_mm256_load_si256(halves));
      k[2 * b + 1] = _mm512_cvtph_ps(_mm256_load_si256(halves + 1));
    }
    ask(next, count);
    for (int c = 0; c < COLUMNS; c++) {
      __m512 q = _mm512_castpd_ps(
          _mm512_set1_pd(*(const double *)(queries + 2 * (COLUMNS * word + c))));
      for (int h = 0; h < 2 * count; h++) {
        a[c][h] = _mm512_fmadd_ps(k[h], q, a[c][h]);
      }
    }
  }
  for (int c = 0; c < COLUMNS; c++) {
    for (int b = 0; b < count; b++) {
      scores[c][b] = _mm512_add_ps(
          _mm512_permutex2var_ps(a[c][2 * b], even, a[c][2 * b + 1]),
          _mm512_permutex2var_ps(a[c][2 * b], odd, a[c][2 * b + 1]));
    }
  }
}

/* Dot products of all blocks of a chunk: logits[column][block]. */
WW_INLINE void scores(
    const uint8_t *const *keys,
    struct asked *next,
    int64_t words,
    const float *queries,
    const int blocks,
    const int type,
    __m512 logits[COLUMNS][BLOCKS]) {
  const int together = type == WW_F16 ? 2 : 4;
  int b = 0;
  for (; b + together <= blocks; b += together) {
    __m512 some[COLUMNS][BLOCKS];
    if (type == WW_F16) {
      scores_f16(keys + b, next, words, queries, together, some);
    } else {
      scores_words(keys + b, next, words, queries, together, type, some);
    }
    for (int c = 0; c < COLUMNS; c++) {
      for (int i = 0; i < together; i++) {
        logits[c][b + i] = some[c][i];
      }
    }
  }
  for (; b < blocks; b++) {
    __m512 one[COLUMNS][BLOCKS];
    if (type == WW_F16) {
      scores_f16(keys + b, next, words, queries, 1, one);
    } else {
      scores_words(keys + b, next, words, queries, 1, type, one);
    }
    for (int c = 0; c < COLUMNS; c++) {
      logits[c][b] = one[c][0];
    }
  }
}

#endif
