#include <math.h>
#include <string.h>

#include "logits_avx512.h"

/*
 * Slots between two looks at the largest logit. While they are worked on, the next ones are asked
 * for, a line of each block in turn: pages lie anywhere, and so many beginnings of pages overlap.
 */
#define CHUNK (BLOCKS * BLOCK)

/* Blocks of a call, those that are only asked for included. */
#define MOST_BLOCKS ((WW_SPLIT + WW_SPLIT_AHEAD) / BLOCK)

/* Where the parts of the blocks lie, and the number of their first slot. */
struct blocks {
  const uint8_t *positions[MOST_BLOCKS];
  const uint8_t *keys[MOST_BLOCKS];
  const uint8_t *values[MOST_BLOCKS];
  int64_t slots[MOST_BLOCKS];
};

/* The arguments of a call that its chunks use; those that are not asked for are null. */
struct call {
  const float *queries;
  int64_t position;
  int64_t lower;
  int64_t upper;
  const float *scales;
  const float *biases;
  const float *slopes;
  float *outs;
  float *states;
  float *logits;
  int64_t stride;
};

static void list_blocks(
    const uint8_t *pages,
    const struct ww_decode *plan,
    const int32_t *table,
    int64_t first,
    int64_t slots,
    int64_t ahead,
    struct blocks *at) {
  int64_t blocks = (slots + BLOCK - 1) / BLOCK;
  int64_t listed = (slots + ahead + BLOCK - 1) / BLOCK;
  int64_t key_bytes = plan->words * 4 * BLOCK;
  for (int64_t b = 0; b < listed; b++) {
    int64_t slot = first + b * BLOCK;
    int64_t number = table[slot / plan->page_size];
    const uint8_t *page = pages + number * plan->page_bytes;
    int64_t in_page = slot % plan->page_size;
    at->positions[b] = page + in_page * 4;
    at->keys[b] = page + plan->keys_at + in_page / BLOCK * key_bytes;
    at->values[b] = page + plan->values_at + in_page * plan->row_bytes;
    at->slots[b] = number * plan->page_size + in_page;
  }
  /* So that every chunk has following blocks to ask for. */
  for (int64_t b = listed; b < blocks + 2 * BLOCKS && b < MOST_BLOCKS; b++) {
    at->keys[b] = at->keys[listed - 1];
    at->values[b] = at->values[listed - 1];
  }
}

/* Adds 16 * vectors elements of weighted values to four columns, slot after slot. */
WW_INLINE void accumulate(
    const uint8_t *const *values,
    struct asked *next,
    int64_t row_bytes,
    int64_t padded_dim,
    int64_t slots,
    int64_t dim,
    const int vectors,
    const int type,
    const float *weights,
    float *outs) {
  __m512 a[COLUMNS][4];
  const int bytes = element_bytes(type);
  for (int c = 0; c < COLUMNS; c++) {
    for (int v = 0; v < vectors; v++) {
      a[c][v] = _mm512_load_ps(outs + c * padded_dim + dim + 16 * v);
    }
  }
  for (int64_t from = 0; from < slots; from += BLOCK) {
    const uint8_t *row = values[from / BLOCK];
    int64_t end = slots - from < BLOCK ? slots : from + BLOCK;
    for (int64_t slot = from; slot < end; slot++) {
      __m512 x[4];
      for (int v = 0; v < vectors; v++) {
        x[v] = value(row, dim + 16 * v, type);
      }
      ask(next, (16 * vectors * bytes + 63) / 64);
      for (int c = 0; c < COLUMNS; c++) {
        __m512 w = _mm512_set1_ps(weights[c * CHUNK + slot]);
        for (int v = 0; v < vectors; v++) {
          a[c][v] = _mm512_fmadd_ps(x[v], w, a[c][v]);
        }
      }
      row += row_bytes;
    }
  }
  for (int c = 0; c < COLUMNS; c++) {
    for (int v = 0; v < vectors; v++) {
      _mm512_store_ps(outs + c * padded_dim + dim + 16 * v, a[c][v]);
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
  /* What has no weight any more must not be multiplied: it may be infinite. */
  __mmask16 some = _mm512_cmp_ps_mask(factor, _mm512_setzero_ps(), _CMP_NEQ_UQ);
  column->sums = _mm512_maskz_mul_ps(some, column->sums, factor);
  for (int64_t dim = 0; dim < padded_dim; dim += 16) {
    _mm512_store_ps(outs + dim, _mm512_maskz_mul_ps(some, _mm512_load_ps(outs + dim), factor));
  }
  column->most = now;
}

/* Makes weights of the logits of one column. */
static void soften(
    const __m512 *logits,
    int blocks,
    const struct beside *beside,
    int scaled,
    struct column *column,
    float *outs,
    int64_t padded_dim,
    float *weights) {
  __m512 largest = _mm512_set1_ps(-INFINITY);
  __mmask16 nan = 0; /* the maximum of a number and NaN is whichever comes last */
  for (int b = 0; b < blocks; b++) {
    largest = _mm512_max_ps(largest, logits[b]);
    nan |= _mm512_cmp_ps_mask(logits[b], logits[b], _CMP_UNORD_Q);
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
        beside->seen[b], ww_exp(_mm512_sub_ps(logits[b], _mm512_set1_ps(column->most))));
    column->sums = _mm512_add_ps(column->sums, w);
    if (scaled) {
      /* Nothing stays nothing next to NaN. */
      __mmask16 some = _mm512_cmp_ps_mask(w, _mm512_setzero_ps(), _CMP_NEQ_UQ);
      w = _mm512_maskz_mul_ps(some, w, beside->value_scales[b]);
    }
    _mm512_store_ps(weights + BLOCK * b, w);
  }
}

/* Reads what stands beside the slots of a chunk. */
WW_INLINE void read_beside(
    const struct blocks *at,
    int64_t block,
    int blocks,
    int64_t slots,
    const struct call *call,
    struct beside *beside) {
  for (int b = 0; b < blocks; b++) {
    int64_t rest = slots - (block + b) * BLOCK;
    __mmask16 there = rest >= BLOCK ? 0xffff : (__mmask16)((1 << rest) - 1);
    __m512i position = _mm512_loadu_si512(at->positions[block + b]);
    beside->seen[b] =
        _mm512_mask_cmpge_epi32_mask(there, position, _mm512_set1_epi32((int32_t)call->lower)) &
        _mm512_cmple_epi32_mask(position, _mm512_set1_epi32((int32_t)call->upper));
    int64_t slot = at->slots[block + b];
    if (call->scales) {
      read_scales(call->scales + 2 * slot, b, beside);
    }
    if (call->biases) {
      beside->biases[b] = _mm512_loadu_ps(call->biases + slot);
    }
    if (call->slopes) {
      beside->distances[b] = _mm512_cvtepi32_ps(
          _mm512_sub_epi32(position, _mm512_set1_epi32((int32_t)call->position)));
    }
  }
}

/* Keeps the logits of one column of a chunk. */
static void keep(const __m512 *logits, int blocks, float *to) {
  for (int b = 0; b < blocks; b++) {
    _mm512_storeu_ps(to + BLOCK * b, logits[b]);
  }
}

WW_INLINE void decode(
    const struct ww_decode *plan,
    const struct blocks *at,
    int64_t slots,
    const struct call *call,
    const int type) {
  const int64_t head_dim = plan->head_dim;
  const int64_t padded_dim = plan->padded_dim;
  const int64_t row_bytes = plan->row_bytes;
  const int64_t all = (slots + BLOCK - 1) / BLOCK;
  const int scaled = call->scales != 0;
  float weights[COLUMNS * CHUNK] __attribute__((aligned(64)));
  struct beside beside;
  for (int64_t column = 0; column < plan->columns; column += COLUMNS) {
    const float *q = call->queries + column * head_dim;
    float *out = call->outs + column * padded_dim;
    struct column state[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
      state[c].sums = _mm512_setzero_ps();
      state[c].most = -INFINITY;
    }
    memset(out, 0, COLUMNS * padded_dim * sizeof(float));
    for (int64_t block = 0; block < all; block += BLOCKS) {
      int count = (int)(all - block < BLOCKS ? all - block : BLOCKS);
      __m512 logits[COLUMNS][BLOCKS];
      const uint8_t *const *keys = at->keys + block;
      struct asked next = {keys + BLOCKS, 0};
      scores(keys, &next, plan->words, q, count, type, logits);
      read_beside(at, block, count, slots, call, &beside);
      for (int c = 0; c < COLUMNS; c++) {
        float slope = call->slopes ? call->slopes[column + c] : 0;
        finish(logits[c], count, &beside, scaled, (float)plan->soft_cap, call->biases != 0, slope);
        if (call->logits && column + c < plan->columns) {
          keep(logits[c], count, call->logits + (column + c) * call->stride + block * BLOCK);
        }
        soften(
            logits[c], count, &beside, scaled, &state[c], out + c * padded_dim, padded_dim,
            weights + c * CHUNK);
      }
      int64_t rest = slots - block * BLOCK;
      const uint8_t *const *values = at->values + block;
      int64_t here = rest < CHUNK ? rest : CHUNK;
      next = (struct asked){values + BLOCKS, 0};
      int64_t dim = 0;
      for (; dim + 64 <= padded_dim; dim += 64) {
        accumulate(values, &next, row_bytes, padded_dim, here, dim, 4, type, weights, out);
      }
      for (; dim < padded_dim; dim += 16) {
        accumulate(values, &next, row_bytes, padded_dim, here, dim, 1, type, weights, out);
      }
    }
    for (int c = 0; c < COLUMNS && column + c < plan->columns; c++) {
      call->states[2 * (column + c)] = state[c].most;
      call->states[2 * (column + c) + 1] = _mm512_reduce_add_ps(state[c].sums);
    }
  }
}

void ww_paged_decode(
    const struct ww_decode *plan,
    const uint8_t *pages,
    const int32_t *table,
    int64_t first,
    int64_t slots,
    int64_t ahead,
    const float *queries,
    int64_t position,
    int64_t lower,
    int64_t upper,
    const float *scales,
    const float *biases,
    const float *slopes,
    float *outs,
    float *states,
    float *logits,
    int64_t stride) {
  const struct call call = {queries, position, lower, upper, scales, biases,
                                      slopes,  outs,     states, logits, stride};
  struct blocks at;
  list_blocks(pages, plan, table, first, slots, ahead, &at);
  switch (plan->type) {
    case WW_F32:
      decode(plan, &at, slots, &call, WW_F32);
      break;
    case WW_F16:
      decode(plan, &at, slots, &call, WW_F16);
      break;
    case WW_BF16:
      decode(plan, &at, slots, &call, WW_BF16);
      break;
    case WW_I8:
      decode(plan, &at, slots, &call, WW_I8);
      break;
    default:
      decode(plan, &at, slots, &call, WW_F8E4M3);
  }
}
