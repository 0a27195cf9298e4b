/*
 * The C kernels of the CPU provider: what the Vector API has no operations for (byte dot products,
 * prefetches, conversions of halves). Called from Java through the foreign function interface.
 *
 * Every pointer is the beginning of an array, every `…_at` an offset into it: in elements of the
 * pointer's type. Nothing is allocated, nothing is checked: the Java callers have checked sizes and
 * indices. Functions of files named *_avx512.c may only be called when ww_level says so.
 */
#ifndef WARPWRIGHT_CPU_H
#define WARPWRIGHT_CPU_H

#include <stdint.h>

/* Changes with every change of a function or a layout; Java refuses any other number. */
#define WW_ABI 4

#define WW_EXPORT __attribute__((visibility("default")))

/* WW_ABI of this library. */
WW_EXPORT int32_t ww_abi(void);

/* What this processor can run: 2 AVX-512 with VNNI, 0 none of these kernels. */
WW_EXPORT int32_t ww_level(void);

/*
 * Symmetric 4-bit codes in tiles of 16 rows; four tiles are a unit. A 64-byte vector of codes holds
 * eight columns of a tile: 32-bit lane r belongs to row r, and byte b of it holds column b in its
 * low and column 4 + b in its high half. Tile t of all units begins at t * codes_stride and lies
 * [units][groups][group / 8][16 lanes]; scales lie [units][groups][4 tiles][16] as F16.
 *
 * x enters as fixed-point numbers of `digits` signed bytes: X = Σ_d 256^d digit_d with x = X * scale,
 * one power of two a group (four digits), or as the codes of Activations.I8 (one digit). A row of x
 * is 32-bit words, per group: [group / 4][digits] words of the same digit of four columns, then
 * -8 Σ digit for each digit, then the scale as a float.
 */

/* 32-bit words of a row of x. */
#define WW_W4_ROW(groups, group, digits) ((groups) * ((group) / 4 * (digits) + (digits) + 1))

/*
 * Writes a row of x in four digits: at least 30 bits below the largest magnitude of each group.
 * Returns 0 if the row holds an infinity or NaN, which have no digits; then `out` is not defined.
 */
WW_EXPORT int32_t ww_w4_fixed_point(
    const float *x, int64_t x_at, int64_t groups, int64_t group, int32_t *out, int64_t out_at);

/* Writes a row of x in one digit, rounded as Activations.I8 says. */
WW_EXPORT void ww_w4_round(
    const float *x, int64_t x_at, int64_t groups, int64_t group, int32_t *out, int64_t out_at);

/* y[y_at + r] = Σ_k x[k] W[r, k] for the first `count` rows of a unit and one row of x in digits. */
WW_EXPORT void ww_w4_multiply(
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
    int64_t count);

/* The same for a row of floats, at a fraction of the speed. */
WW_EXPORT void ww_w4_multiply_floats(
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
    int64_t count);

/*
 * Group-sparse matrices with the same vectors of codes, but of 128 rows a unit and with lanes only
 * for the rows that keep a group: those of a unit's group lie in ascending order, 16 a vector, the
 * last one filled up with lanes of scale zero. Vector i of a group lies in stream i % 4, in the order
 * in which the groups come; scales lie in the order of all vectors.
 *
 * masks      [units][groups][8]: which of 16 rows keep the group
 * starts     [units][5]: where the unit begins in `codes`, in bytes, for each stream; its first vector
 */
#define WW_SPARSE_ROWS 128
#define WW_SPARSE_STREAMS 4

/* y[y_at + r] = Σ_k x[k] W[r, k] for the first `count` rows of a unit and one row of x in digits. */
WW_EXPORT void ww_group_sparse_multiply(
    const uint8_t *codes,
    const uint16_t *scales,
    const uint16_t *masks,
    const int64_t *starts,
    int64_t unit,
    int64_t groups,
    int64_t group,
    const int32_t *x,
    int64_t x_at,
    float *y,
    int64_t y_at,
    int64_t count);

/* The same for a row of floats, at a fraction of the speed. */
WW_EXPORT void ww_group_sparse_multiply_floats(
    const uint8_t *codes,
    const uint16_t *scales,
    const uint16_t *masks,
    const int64_t *starts,
    int64_t unit,
    int64_t groups,
    int64_t group,
    const float *x,
    int64_t x_at,
    float *y,
    int64_t y_at,
    int64_t count);

/*
 * Attention of some query heads over up to WW_SPLIT slots of one row. Pages are those of KvLayout:
 * positions, keys in blocks of 16 slots, values in rows; a page has a multiple of 16 slots and no
 * infinity or NaN in it.
 */
#define WW_SPLIT 1024

/* Slots behind the last one whose pages may be given too: they are asked for ahead of the next call. */
#define WW_SPLIT_AHEAD 128

/* Element types. */
enum { WW_F32, WW_F16, WW_BF16, WW_I8, WW_F8E4M3 };

/* What is the same in all calls of a plan. */
struct ww_decode {
  int64_t type;
  int64_t page_bytes;
  int64_t page_size;
  int64_t keys_at;
  int64_t values_at;
  int64_t row_bytes;
  int64_t words; /* of 4 bytes, of a key */
  int64_t head_dim;
  int64_t padded_dim;
  int64_t columns;
  double soft_cap; /* 0 for none */
};

/*
 * Writes Σ exp(logit - most) value of each query head to `outs`, [columns, padded_dim], and the
 * largest logit `most` and Σ exp(logit - most) to `states`, [columns, 2]; zeros and -∞ where no
 * position is between `lower` and `upper`.
 *
 * table      pages of the row from that of the first slot on
 * first      the first slot within that page, a multiple of 16
 * slots      number of slots
 * ahead      number of further slots that `table` covers
 * queries    [columns / 4][words][4][elements of a word], scaled; columns are padded to a multiple
 *            of four
 * position   of the query, for slopes
 * scales     [pages][page_size][2], factors of codes of keys and values, or null
 * biases     [pages][page_size], added to logits after the cap, or null
 * slopes     [columns, padded], times (position of the slot - position) is added, or null
 * logits     [columns][stride], receives logits, -∞ where masked, in whole vectors of 16, or null
 */
WW_EXPORT void ww_paged_decode(
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
    int64_t stride);

#endif
