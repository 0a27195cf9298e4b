// Products of queries and keys, and of weights and values, with matrix instructions.
//
// The matrix units take TF32, 11 significant bits; the contract wants F32. So queries, weights and
// F32 keys and values are split into a high and a low part, which leaves an error of 2^-22; keys and
// values of 16 bits fit as they are. A split infinity is a NaN: logits that are NaN are summed again
// without matrix instructions, and so are values that are not finite.
//
// Elements are dealt to the lanes so that they load 8 or 16 bytes at a time without bank conflicts:
// the order inside a sum of products is free as long as both factors agree. With g = lane / 4 and
// t = lane % 4, lane (g, t) holds the query and key elements 4t to 4t + 3 of each 16, and the
// values g * VECTOR and up of each 8 * VECTOR. Column n of a tile of logits is slot
// slot_of_column(n).
#pragma once

#include "attention/tile_slots.cuh"
#include "common/tf32.cuh"

__device__ inline int slot_of_column(int n) { return n & 1 ? 4 + ((n >> 1) + 2 & 3) : n >> 1; }

// What a warp carries from tile to tile for rows g and g + 8: [row half].
template <typename T, int D, bool SPLIT> struct TileState {
  using L = TileLayout<T, D, SPLIT>;
  float most[2];
  float sum[2];        // of the lane's columns only
  float out[D / 8][4]; // [block * VECTOR + j][2 * row half + element half]

  // First of the elements of a block that the lane holds, VECTOR of them in each half.
  static __device__ int dim(int block) {
    return (8 * block + 2 * (threadIdx.x % 4)) * L::VECTOR;
  }
};

// Logits, then weights, of the warp's tiles: columns 2t and 2t + 1 of row g, then of row g + 8.
template <typename T, int D, bool SPLIT>
using TileWeights = float[TileLayout<T, D, SPLIT>::TILES][4];

template <typename T> __device__ Floats<4> load_elements4(const T *from) {
  Elements<T, 4> raw = *reinterpret_cast<const Elements<T, 4> *>(from);
  return Floats<4>{widen(raw.value[0]), widen(raw.value[1]), widen(raw.value[2]),
                   widen(raw.value[3])};
}

template <typename T, int D>
__device__ float dot(const float *query, const T *key) {
  float sum = 0;
  for (int d = 0; d < D; d++) {
    sum = fmaf(query[d], widen(key[d]), sum);
  }
  return sum;
}

// Logits of 16 rows and 8 * TILES slots: columns 2t and 2t + 1 of row g, then of row g + 8.
template <typename T, int D, int TILES>
__device__ void tile_logits(const float *queries, const T *keys, float (&logits)[TILES][4]) {
  using L = TileLayout<T, D, true>; // only strides, which all layouts share
  int g = threadIdx.x % 32 / 4;
  int t = threadIdx.x % 4;
  const float *upper = queries + g * L::QUERY_STRIDE;
  const float *lower = upper + 8 * L::QUERY_STRIDE;
#pragma unroll
  for (int n = 0; n < TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      logits[n][i] = 0;
    }
  }
#pragma unroll 1
  for (int from = 4 * t; from < D; from += 16) {
    Floats<4> q[2] = {*reinterpret_cast<const Floats<4> *>(upper + from),
                      *reinterpret_cast<const Floats<4> *>(lower + from)};
    Split a[2][2][2]; // [step][row half][k half]
#pragma unroll
    for (int i = 0; i < 4; i++) {
      a[i / 2][0][i % 2] = split(q[0].value[i]);
      a[i / 2][1][i % 2] = split(q[1].value[i]);
    }
#pragma unroll
    for (int n = 0; n < TILES; n++) {
      Floats<4> k = load_elements4(keys + (8 * n + slot_of_column(g)) * L::SLOT_STRIDE + from);
      multiply<L::EXACT>(logits[n], a[0], k.value[0], k.value[1]);
      multiply<L::EXACT>(logits[n], a[1], k.value[2], k.value[3]);
    }
  }
#pragma unroll
  for (int n = 0; n < TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (isnan(logits[n][i])) {
        logits[n][i] = dot<T, D>(i < 2 ? upper : lower,
                                 keys + (8 * n + slot_of_column(2 * t + i % 2)) * L::SLOT_STRIDE);
      }
    }
  }
}

// Adds weights times values that are not finite, one by one: a weight of 0 must not meet them.
template <typename T, int D, bool SPLIT>
__device__ void add_special(const TileWeights<T, D, SPLIT> &weights, const T *values,
                            TileState<T, D, SPLIT> &state) {
  using L = TileLayout<T, D, SPLIT>;
  int lane = threadIdx.x % 32;
  float tile[L::TILES][4]; // the tile of the round in front: no index into registers
#pragma unroll
  for (int n = 0; n < L::TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      tile[n][i] = weights[n][i];
    }
  }
#pragma unroll 1
  for (int slot = 0; slot < 8 * L::TILES; slot++) {
    int odd = slot % 8 / 4;
    int from = lane / 4 * 4 + (slot + 2 * odd) % 4;
    float upper = __shfl_sync(WARP, odd ? tile[0][1] : tile[0][0], from);
    float lower = __shfl_sync(WARP, odd ? tile[0][3] : tile[0][2], from);
#pragma unroll
    for (int block = 0; block < D / 8 / L::VECTOR; block++) {
#pragma unroll
      for (int j = 0; j < 2 * L::VECTOR; j++) {
        float value = widen(values[slot * L::SLOT_STRIDE + state.dim(block) + j]);
        float *out = &state.out[block * L::VECTOR + j % L::VECTOR][j / L::VECTOR];
        if (!isfinite(value)) {
          out[0] += upper == 0 ? 0 : upper * value;
          out[2] += lower == 0 ? 0 : lower * value;
        }
      }
    }
    if (slot % 8 == 7) {
#pragma unroll
      for (int n = 1; n < L::TILES; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          tile[n - 1][i] = tile[n][i];
        }
      }
    }
  }
}

template <typename T, int D, bool SPLIT>
__device__ void add_values(const TileWeights<T, D, SPLIT> &weights, const T *values,
                           TileState<T, D, SPLIT> &state) {
  using L = TileLayout<T, D, SPLIT>;
  int g = threadIdx.x % 32 / 4;
  int t = threadIdx.x % 4;
#pragma unroll
  for (int n = 0; n < L::TILES; n++) {
    const Split a[2][2] = {{split(weights[n][0]), split(weights[n][1])},
                           {split(weights[n][2]), split(weights[n][3])}};
    const T *even = values + (8 * n + slot_of_column(2 * t)) * L::SLOT_STRIDE + g * L::VECTOR;
    const T *odd = values + (8 * n + slot_of_column(2 * t + 1)) * L::SLOT_STRIDE + g * L::VECTOR;
#pragma unroll
    for (int block = 0; block < D / 8 / L::VECTOR; block++) {
      using Vector = Elements<T, L::VECTOR>;
      Vector first = *reinterpret_cast<const Vector *>(even + block * 8 * L::VECTOR);
      Vector second = *reinterpret_cast<const Vector *>(odd + block * 8 * L::VECTOR);
#pragma unroll
      for (int j = 0; j < L::VECTOR; j++) {
        multiply<L::EXACT>(state.out[block * L::VECTOR + j], a, widen(first.value[j]),
                           widen(second.value[j]));
      }
    }
  }
}
