#include <math.h>
#include <string.h>

#include "exp_avx512.h"
#include "warpwright_cpu.h"

/* Slots whose keys lie side by side. */
#define BLOCK 16

/*
 * Blocks between two looks at the largest logit. While they are worked on, the next ones are asked
 * for, a line of each in turn: pages lie anywhere, and so many beginnings of pages overlap.
 */
#define BLOCKS 8
#define CHUNK (BLOCKS * BLOCK)

/* Query heads that share what is read of keys and values. */
#define COLUMNS 4

/* Blocks of a call, those that are only asked for included. */
#define MOST_BLOCKS ((WW_SPLIT + WW_SPLIT_AHEAD) / BLOCK)

/* Where the parts of the blocks lie. */
struct blocks {
  const uint8_t *positions[MOST_BLOCKS];
  const uint8_t *keys[MOST_BLOCKS];
  const uint8_t *values[MOST_BLOCKS];
};

struct shape {
  int64_t words;
  int64_t row_bytes;
  int64_t padded_dim;
};

/* Lines that are asked for, of BLOCKS blocks in turn. */
struct asked {
  const uint8_t *const *blocks;
  int64_t lines;
};

static inline __attribute__((always_inline)) void ask(struct asked *asked, const int lines) {
  for (int i = 0; i < lines; i++) {
    int64_t k = asked->lines++;
    _mm_prefetch((const char *)(asked->blocks[k % BLOCKS] + k / BLOCKS * 64), _MM_HINT_T1);
  }
}

/* Dot products of `count` blocks of F32 keys, at most four, one lane a slot: scores[column][block]. */
static inline __attribute__((always_inline)) void scores_f32(
    const uint8_t *const *keys,
    struct asked *next,
    int64_t words,
    const float *queries,
    const int count,
    __m512 (*scores)[BLOCKS]) {
  __m512 a[COLUMNS][4];
  for (int c = 0; c < COLUMNS; c++) {
    for (int b = 0; b < count; b++) {
      a[c][b] = _mm512_setzero_ps();
    }
  }
  for (int64_t word = 0; word < words; word++) {
    __m512 k[4];
    for (int b = 0; b < count; b++) {
      k[b] = _mm512_load_ps((const float *)(keys[b] + 64 * word));
    }
    ask(next, count);
    for (int c = 0; c < COLUMNS; c++) {
      __m512 q = _mm512_set1_ps(queries[COLUMNS * word + c]);
      for (int b = 0; b < count; b++) {
        a[c][b] = _mm512_fmadd_ps(k[b], q, a[c][b]);
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
static inline __attribute__((always_inline)) void scores_f16(
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
      /* [2 words][4 columns]: the caller has brought pairs of elements together. */
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

static inline __attribute__((always_inline)) void scores(
    const uint8_t *const *keys,
    struct asked *next,
    int64_t words,
    const float *queries,
    const int count,
    const int f16,
    __m512 logits[COLUMNS][BLOCKS],
    int block) {
  __m512 some[COLUMNS][BLOCKS];
  if (f16) {
    scores_f16(keys, next, words, queries, count, some);
  } else {
    scores_f32(keys, next, words, queries, count, some);
  }
  for (int c = 0; c < COLUMNS; c++) {
    for (int b = 0; b < count; b++) {
      logits[c][block + b] = some[c][b];
    }
  }
}

/* 16 elements of a value. */
static inline __attribute__((always_inline)) __m512 value(const uint8_t *row, int64_t dim, const int f16) {
  return f16 ? _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(row + 2 * dim)))
             : _mm512_load_ps((const float *)(row + 4 * dim));
}

/* Adds 16 * vectors elements of weighted values to four columns, slot after slot. */
static inline __attribute__((always_inline)) void accumulate(
    const uint8_t *const *values,
    struct asked *next,
    const struct shape *shape,
    int64_t slots,
    int64_t dim,
    const int vectors,
    const int f16,
    const float *weights,
    float *outs) {
  __m512 a[COLUMNS][4];
  const int bytes = f16 ? 2 : 4;
  for (int c = 0; c < COLUMNS; c++) {
    for (int v = 0; v < vectors; v++) {
      a[c][v] = _mm512_load_ps(outs + c * shape->padded_dim + dim + 16 * v);
    }
  }
  for (int64_t from = 0; from < slots; from += BLOCK) {
    const uint8_t *row = values[from / BLOCK];
    int64_t end = slots - from < BLOCK ? slots : from + BLOCK;
    for (int64_t slot = from; slot < end; slot++) {
      __m512 x[4];
      for (int v = 0; v < vectors; v++) {
        x[v] = value(row, dim + 16 * v, f16);
      }
      ask(next, (16 * vectors * bytes + 63) / 64);
      for (int c = 0; c < COLUMNS; c++) {
        __m512 w = _mm512_set1_ps(weights[c * CHUNK + slot]);
        for (int v = 0; v < vectors; v++) {
          a[c][v] = _mm512_fmadd_ps(x[v], w, a[c][v]);
        }
      }
      row += shape->row_bytes;
    }
  }
  for (int c = 0; c < COLUMNS; c++) {
    for (int v = 0; v < vectors; v++) {
      _mm512_store_ps(outs + c * shape->padded_dim + dim + 16 * v, a[c][v]);
    }
  }
}

/* What a column has so far: its outputs are kept elsewhere. */
struct column {
  __m512 sums;
  float most;
};

static void rescale(struct column *column, float *outs, int64_t padded_dim, float now) {
  __m512 factor = ww_exp(_mm512_set1_ps(column->most - now));
  column->sums = _mm512_mul_ps(column->sums, factor);
  for (int64_t dim = 0; dim < padded_dim; dim += 16) {
    _mm512_store_ps(outs + dim, _mm512_mul_ps(_mm512_load_ps(outs + dim), factor));
  }
  column->most = now;
}

/* Makes weights of the logits of one column; hidden slots have the bit 0 in `seen`. */
static void soften(
    const __m512 *logits,
    const __mmask16 *seen,
    int blocks,
    struct column *column,
    float *outs,
    int64_t padded_dim,
    float *weights) {
  const __m512 nothing = _mm512_set1_ps(-INFINITY);
  __m512 largest = nothing;
  __mmask16 nan = 0; /* the maximum of a number and NaN is whichever comes last */
  for (int b = 0; b < blocks; b++) {
    largest = _mm512_max_ps(largest, _mm512_mask_blend_ps(seen[b], nothing, logits[b]));
    nan |= _mm512_mask_cmp_ps_mask(seen[b], logits[b], logits[b], _CMP_UNORD_Q);
  }
  float most = nan ? NAN : _mm512_reduce_max_ps(largest);
  if (most == -INFINITY) {
    memset(weights, 0, CHUNK * sizeof(float));
    return;
  }
  if (!(most <= column->most)) {
    rescale(column, outs, padded_dim, most);
  }
  for (int b = 0; b < blocks; b++) {
    __m512 w = _mm512_maskz_mov_ps(
        seen[b], ww_exp(_mm512_sub_ps(logits[b], _mm512_set1_ps(column->most))));
    column->sums = _mm512_add_ps(column->sums, w);
    _mm512_store_ps(weights + BLOCK * b, w);
  }
}

static inline __attribute__((always_inline)) void decode(
    const uint8_t *pages,
    int64_t page_bytes,
    int64_t page_size,
    int64_t keys_at,
    int64_t values_at,
    int64_t row_bytes,
    const int32_t *table,
    int64_t first,
    int64_t slots,
    int64_t ahead,
    int64_t head_dim,
    int64_t padded_dim,
    int64_t columns,
    const float *queries,
    int64_t lower,
    int64_t upper,
    float *outs,
    float *states,
    const int f16) {
  const struct shape shape = {f16 ? head_dim / 2 : head_dim, row_bytes, padded_dim};
  struct blocks at;
  int64_t blocks = (slots + BLOCK - 1) / BLOCK;
  int64_t listed = (slots + ahead + BLOCK - 1) / BLOCK;
  for (int64_t b = 0; b < listed; b++) {
    int64_t slot = first + b * BLOCK;
    const uint8_t *page = pages + table[slot / page_size] * page_bytes;
    int64_t in_page = slot % page_size;
    at.positions[b] = page + in_page * 4;
    at.keys[b] = page + keys_at + in_page / BLOCK * shape.words * 64;
    at.values[b] = page + values_at + in_page * row_bytes;
  }
  /* So that every chunk has four following blocks to ask for. */
  for (int64_t b = listed; b < blocks + 2 * BLOCKS && b < MOST_BLOCKS; b++) {
    at.keys[b] = at.keys[listed - 1];
    at.values[b] = at.values[listed - 1];
  }
  float weights[COLUMNS * CHUNK] __attribute__((aligned(64)));
  for (int64_t column = 0; column < columns; column += COLUMNS) {
    const float *q = queries + column * head_dim;
    float *out = outs + column * padded_dim;
    struct column state[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
      state[c].sums = _mm512_setzero_ps();
      state[c].most = -INFINITY;
    }
    memset(out, 0, COLUMNS * padded_dim * sizeof(float));
    for (int64_t block = 0; block < blocks; block += BLOCKS) {
      int count = (int)(blocks - block < BLOCKS ? blocks - block : BLOCKS);
      __m512 logits[COLUMNS][BLOCKS];
      const uint8_t *const *keys = at.keys + block;
      struct asked next = {keys + BLOCKS, 0};
      const int together = f16 ? 2 : 4;
      int b = 0;
      for (; b + together <= count; b += together) {
        scores(keys + b, &next, shape.words, q, together, f16, logits, b);
      }
      for (; b < count; b++) {
        scores(keys + b, &next, shape.words, q, 1, f16, logits, b);
      }
      __mmask16 seen[BLOCKS];
      for (int b = 0; b < count; b++) {
        int64_t rest = slots - (block + b) * BLOCK;
        __mmask16 there = rest >= BLOCK ? 0xffff : (__mmask16)((1 << rest) - 1);
        __m512i position = _mm512_loadu_si512(at.positions[block + b]);
        seen[b] = _mm512_mask_cmpge_epi32_mask(
                      there, position, _mm512_set1_epi32((int32_t)lower)) &
                  _mm512_cmple_epi32_mask(position, _mm512_set1_epi32((int32_t)upper));
      }
      for (int c = 0; c < COLUMNS; c++) {
        soften(
            logits[c], seen, count, &state[c], out + c * padded_dim, padded_dim, weights + c * CHUNK);
      }
      int64_t rest = slots - block * BLOCK;
      const uint8_t *const *values = at.values + block;
      int64_t here = rest < CHUNK ? rest : CHUNK;
      next = (struct asked){values + BLOCKS, 0};
      int64_t dim = 0;
      for (; dim + 64 <= padded_dim; dim += 64) {
        accumulate(values, &next, &shape, here, dim, 4, f16, weights, out);
      }
      for (; dim < padded_dim; dim += 16) {
        accumulate(values, &next, &shape, here, dim, 1, f16, weights, out);
      }
    }
    for (int c = 0; c < COLUMNS && column + c < columns; c++) {
      states[2 * (column + c)] = state[c].most;
      states[2 * (column + c) + 1] = _mm512_reduce_add_ps(state[c].sums);
    }
  }
}

WW_PAGED_DECODE(ww_paged_decode_f32) {
  decode(
      pages, page_bytes, page_size, keys_at, values_at, row_bytes, table, first, slots, ahead,
      head_dim, padded_dim, columns, queries, lower, upper, outs, states, 0);
}

WW_PAGED_DECODE(ww_paged_decode_f16) {
  decode(
      pages, page_bytes, page_size, keys_at, values_at, row_bytes, table, first, slots, ahead,
      head_dim, padded_dim, columns, queries, lower, upper, outs, states, 1);
}
