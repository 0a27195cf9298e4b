// Attention of up to 16 rows a warp over a range of slots with matrix instructions, for kernels
// whose rows are (token, query head of the group) pairs that see the same keys and values.
//
// The matrix units take TF32, 11 significant bits; the contract wants F32. So queries, weights and
// F32 keys and values are split into a high and a low part, which leaves an error of 2^-22; F16
// keys and values fit as they are. A split infinity is a NaN: logits that are NaN are summed again
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

// Whether 16 bytes hold an infinity or a NaN.
template <typename T> __device__ bool special(uint4 raw) {
  unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
  bool found = false;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if constexpr (sizeof(T) == 4) {
      found |= (words[i] & 0x7f800000) == 0x7f800000;
    } else {
      found |= (words[i] & 0x7c00) == 0x7c00 || (words[i] & 0x7c000000) == 0x7c000000;
    }
  }
  return found;
}

// The rows of a block: group heads of each of consecutive tokens, whose positions may be any.
struct TileRows {
  int count;
  int group;
  int offset;    // row 0 is this head of the group
  bool alibi;    // whether slopes lie beside the queries
  float *logits; // null, or where those of one token are kept: [slot, head of the group]

  __device__ float *logit(int slot, int row) const {
    return logits + ((long long)slot * group + offset + row);
  }
};

// Where the ALiBi slope and the position of a row lie, behind its query: in banks of their own.
template <int D, int STRIDE> __device__ int slope_at(int row) {
  return row * STRIDE + D + row % 16 / 2;
}
template <int D, int STRIDE> __device__ int position_at(int row) {
  return slope_at<D, STRIDE>(row) + 8;
}

// Keeps that no row sees slots from to to.
__device__ inline void keep_hidden(const TileRows &rows, int from, int to) {
  if (rows.logits == nullptr) {
    return;
  }
  for (int i = threadIdx.x; i < (to - from) * rows.count; i += blockDim.x) {
    *rows.logit(from + i / rows.count, i % rows.count) = -INFINITY;
  }
}

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

// Turns logits into weights relative to the new maximum, and scales what was summed so far.
template <typename T, int D, bool SPLIT>
__device__ void tile_softmax(const TileFinder<T, D, SPLIT> &finder, const TileRows &rows,
                             const Masking &masking, const float *queries,
                             TileWeights<T, D, SPLIT> &logits, TileState<T, D, SPLIT> &state) {
  using L = TileLayout<T, D, SPLIT>;
  int t = threadIdx.x % 4;
  int row = L::first_row() + threadIdx.x % 32 / 4; // and row + 8
  const int at[2] = {__float_as_int(queries[position_at<D, L::QUERY_STRIDE>(row)]),
                     __float_as_int(queries[position_at<D, L::QUERY_STRIDE>(row + 8)])};
  float most[2] = {state.most[0], state.most[1]};
#pragma unroll
  for (int n = 0; n < L::TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      logits[n][i] = masking.capped(logits[n][i]);
    }
    if (!finder.whole || rows.alibi || rows.logits != nullptr) {
#pragma unroll
      for (int odd = 0; odd < 2; odd++) {
        int slot = L::first_slot() + 8 * n + slot_of_column(2 * t + odd);
        int position = __shfl_sync(WARP, finder.position, slot);
        bool there = finder.visible >> slot & 1;
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float &logit = logits[n][2 * half + odd];
          if (rows.alibi) {
            float slope = queries[slope_at<D, L::QUERY_STRIDE>(row + 8 * half)];
            logit = fmaf(slope, (float)(position - at[half]), logit);
          }
          if (!there || position < masking.first(at[half]) || position > masking.last(at[half])) {
            logit = -INFINITY;
          }
          if (rows.logits != nullptr && finder.start + slot < finder.end &&
              row + 8 * half < rows.count) {
            *rows.logit(finder.start + slot, row + 8 * half) = logit;
          }
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      most[i / 2] = fmaxf(most[i / 2], logits[n][i]);
    }
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    most[half] = fmaxf(most[half], __shfl_xor_sync(WARP, most[half], 1));
    most[half] = fmaxf(most[half], __shfl_xor_sync(WARP, most[half], 2));
    float keep = weight(state.most[half], most[half]);
    state.most[half] = most[half];
    state.sum[half] *= keep;
#pragma unroll
    for (int block = 0; block < D / 8; block++) {
      state.out[block][2 * half] *= keep;
      state.out[block][2 * half + 1] *= keep;
    }
  }
#pragma unroll
  for (int n = 0; n < L::TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      logits[n][i] = weight(logits[n][i], most[i / 2]);
      state.sum[i / 2] += logits[n][i];
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

// Adds the states of the other warps to that of the first, in their order.
template <typename T, int D, bool SPLIT>
__device__ void merge_warps(TileState<T, D, SPLIT> &state, T *stages) {
  using L = TileLayout<T, D, SPLIT>;
  constexpr int STATE = D / 8 + 1;
  static_assert(L::THREADS * STATE * 16 <= 4 * L::STAGE_ELEMENTS * sizeof(T),
                "the states take the place of the stages");
  Floats<4> *states = reinterpret_cast<Floats<4> *>(stages) + threadIdx.x % 32;
  if (L::warp() > 0) {
    Floats<4> *to = states + L::warp() * STATE * 32;
    to[0] = Floats<4>{state.most[0], state.sum[0], state.most[1], state.sum[1]};
#pragma unroll
    for (int block = 0; block < D / 8; block++) {
      to[32 * (block + 1)] = Floats<4>{state.out[block][0], state.out[block][1],
                                       state.out[block][2], state.out[block][3]};
    }
  }
  __syncthreads();
  for (int warp = 1; warp < L::WARPS && L::warp() == 0; warp++) {
    const Floats<4> *from = states + warp * STATE * 32;
    Floats<4> other = from[0];
    float keep[2];
    float add[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = fmaxf(state.most[half], other.value[2 * half]);
      keep[half] = weight(state.most[half], most);
      add[half] = weight(other.value[2 * half], most);
      state.most[half] = most;
      state.sum[half] = state.sum[half] * keep[half] + other.value[2 * half + 1] * add[half];
    }
#pragma unroll
    for (int block = 0; block < D / 8; block++) {
      Floats<4> out = from[32 * (block + 1)];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        state.out[block][i] = state.out[block][i] * keep[i / 2] + out.value[i] * add[i / 2];
      }
    }
  }
}

// Attention of the block's rows, whose queries lie in shared memory, scaled, over slots begin to
// end of a row of the page table.
template <typename T, int D, bool SPLIT>
__device__ void attend_tiles(const Pool<T> &pool, const Row &row, int begin, int end,
                             const TileRows &rows, const Masking &masking, const float *queries,
                             T *stages, TileState<T, D, SPLIT> &state) {
  using L = TileLayout<T, D, SPLIT>;
  int warpRow = L::first_row();
  int least = INT_MAX;
  int most = INT_MIN;
  for (int i = threadIdx.x % 32; i < rows.count; i += 32) {
    int position = __float_as_int(queries[position_at<D, L::QUERY_STRIDE>(i)]);
    least = min(least, position);
    most = max(most, position);
  }
  TileFinder<T, D, SPLIT> finder{row.pages, end, __reduce_min_sync(WARP, least),
                                 __reduce_max_sync(WARP, most)};
  bool mine = warpRow < rows.count;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    state.most[half] = -INFINITY;
    state.sum[half] = 0;
  }
#pragma unroll
  for (int block = 0; block < D / 8; block++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      state.out[block][i] = 0;
    }
  }
  finder.find(pool, masking, begin);
  keep_hidden(rows, begin, min(finder.start, end));
  if (finder.start < end) {
    fetch_tile(pool, finder, stages, stages + L::STAGE_ELEMENTS);
  }
  commit_copies();
  for (int stage = 0; finder.start < end; stage ^= 1) {
    TileFinder<T, D, SPLIT> current = finder;
    T *keys = stages + 2 * stage * L::STAGE_ELEMENTS;
    T *values = keys + L::STAGE_ELEMENTS;
    finder.find(pool, masking, current.start + L::SLOTS);
    keep_hidden(rows, current.start + L::SLOTS, min(finder.start, end));
    if (finder.start < end) {
      T *next = stages + 2 * (stage ^ 1) * L::STAGE_ELEMENTS;
      fetch_tile(pool, finder, next, next + L::STAGE_ELEMENTS);
    }
    commit_copies();
    await_copies<1>();
    bool found = false;
#pragma unroll 4
    for (int i = 0; i < L::COPIES; i++) {
      int copy = i * L::THREADS + threadIdx.x;
      found |= special<T>(*reinterpret_cast<const uint4 *>(
          values + copy / (D / L::VECTOR) * L::SLOT_STRIDE + copy % (D / L::VECTOR) * L::VECTOR));
    }
    bool infinities = __syncthreads_or(found);
    TileWeights<T, D, SPLIT> weights;
    if (mine) {
      tile_logits<T, D, L::TILES>(queries + warpRow * L::QUERY_STRIDE,
                                  keys + L::first_slot() * L::SLOT_STRIDE, weights);
      tile_softmax(current, rows, masking, queries, weights, state);
    }
    if (infinities) {
      if (mine) {
        add_special(weights, values + L::first_slot() * L::SLOT_STRIDE, state);
      }
      __syncthreads();
      for (int i = threadIdx.x; i < L::SLOTS * D; i += L::THREADS) {
        T *value = values + i / D * L::SLOT_STRIDE + i % D;
        if (!isfinite(widen(*value))) {
          *value = T(0.f);
        }
      }
      __syncthreads();
    }
    if (mine) {
      add_values(weights, values + L::first_slot() * L::SLOT_STRIDE, state);
    }
    __syncthreads();
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    state.sum[half] += __shfl_xor_sync(WARP, state.sum[half], 1);
    state.sum[half] += __shfl_xor_sync(WARP, state.sum[half], 2);
  }
  if constexpr (SPLIT) {
    merge_warps(state, stages);
  }
}
