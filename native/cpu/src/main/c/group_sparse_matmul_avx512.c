#include "w4_group_avx512.h"
#include "warpwright_cpu.h"

#define LANES 16
#define TILES (WW_SPARSE_ROWS / LANES)
#define STREAMS WW_SPARSE_STREAMS
#define DIGITS 4

/* Where a unit's vectors are taken from. */
struct unit {
  const uint8_t *streams[STREAMS];
  const uint16_t *scales;
};

static inline struct unit open_unit(
    const uint8_t *codes, const uint16_t *scales, const int64_t *starts, int64_t number) {
  struct unit unit;
  starts += number * (STREAMS + 1);
  for (int s = 0; s < STREAMS; s++) {
    unit.streams[s] = codes + starts[s];
  }
  unit.scales = scales + starts[STREAMS] * LANES;
  return unit;
}

/* Adds what the rows that keep a group have, one after the other, to the sums of all rows. */
static inline __attribute__((always_inline)) void add(
    const uint16_t *masks, const float *products, __m512 *sums) {
  for (int t = 0; t < TILES; t++) {
    sums[t] = _mm512_add_ps(sums[t], _mm512_maskz_expandloadu_ps(masks[t], products));
    products += __builtin_popcount(masks[t]);
  }
}

static inline int64_t kept_rows(const uint16_t *masks) {
  const uint64_t *both = (const uint64_t *)masks;
  return __builtin_popcountll(both[0]) + __builtin_popcountll(both[1]);
}

static inline __attribute__((always_inline)) void multiply(
    struct unit unit,
    const uint16_t *masks,
    int64_t groups,
    const int64_t words,
    const int32_t *x,
    float *y,
    int64_t count) {
  __m512 sums[TILES];
  float products[(TILES + 1) * LANES] __attribute__((aligned(64)));
  for (int t = 0; t < TILES; t++) {
    sums[t] = _mm512_setzero_ps();
  }
  for (int64_t g = 0; g < groups; g++) {
    int64_t vectors = (kept_rows(masks) + LANES - 1) / LANES;
    for (int64_t v = 0; v < vectors; v += 2) {
      const uint8_t **streams = unit.streams + v % STREAMS;
      __m512 in_group[2];
      ww_ask((const uint8_t *)unit.scales);
      if (v + 1 < vectors) {
        ww_group_sums(streams, 2, words, DIGITS, x, in_group);
        _mm512_store_ps(
            products + (v + 1) * LANES,
            _mm512_mul_ps(ww_scales(unit.scales + LANES), in_group[1]));
        streams[1] += words * 64;
      } else {
        ww_group_sums(streams, 1, words, DIGITS, x, in_group);
      }
      _mm512_store_ps(products + v * LANES, _mm512_mul_ps(ww_scales(unit.scales), in_group[0]));
      streams[0] += words * 64;
      unit.scales += v + 1 < vectors ? 2 * LANES : LANES;
    }
    add(masks, products, sums);
    masks += TILES;
    x += words * 2 * DIGITS + DIGITS + 1;
  }
  for (int t = 0; t < TILES; t++) {
    _mm512_mask_storeu_ps(y + t * LANES, ww_rows(count - t * LANES), sums[t]);
  }
}

void ww_group_sparse_multiply(
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
    int64_t count) {
  struct unit from = open_unit(codes, scales, starts, unit);
  masks += unit * groups * TILES;
  if (group == 32) {
    multiply(from, masks, groups, 4, x + x_at, y + y_at, count);
  } else if (group == 16) {
    multiply(from, masks, groups, 2, x + x_at, y + y_at, count);
  } else {
    multiply(from, masks, groups, group / 8, x + x_at, y + y_at, count);
  }
}

void ww_group_sparse_multiply_floats(
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
    int64_t count) {
  struct unit from = open_unit(codes, scales, starts, unit);
  masks += unit * groups * TILES;
  int64_t words = group / 8;
  __m512 sums[TILES];
  float products[(TILES + 1) * LANES] __attribute__((aligned(64)));
  for (int t = 0; t < TILES; t++) {
    sums[t] = _mm512_setzero_ps();
  }
  for (int64_t g = 0; g < groups; g++) {
    int64_t vectors = (kept_rows(masks) + LANES - 1) / LANES;
    for (int64_t v = 0; v < vectors; v++) {
      const uint8_t **stream = from.streams + v % STREAMS;
      __m512 in_group = ww_group_sum_of_floats(*stream, words, x + x_at + g * group);
      _mm512_store_ps(products + v * LANES, _mm512_mul_ps(ww_scales(from.scales), in_group));
      *stream += words * 64;
      from.scales += LANES;
    }
    add(masks, products, sums);
    masks += TILES;
  }
  for (int t = 0; t < TILES; t++) {
    _mm512_mask_storeu_ps(y + y_at + t * LANES, ww_rows(count - t * LANES), sums[t]);
  }
}
