// The softmax of attention_tile.cuh: which rows see which slots, and what a warp carries from tile to
// tile.
#pragma once

#include "attention/tile_products.cuh"

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

// What a tile's slots have beside keys and values.
template <typename T, int D, bool SPLIT> struct TileExtras {
  bool coded;
  bool biased;
  const TileBeside<T, D, SPLIT> &beside;
};

// Makes what was summed so far relative to a larger maximum.
template <typename T, int D, bool SPLIT>
__device__ void rebase(TileState<T, D, SPLIT> &state, int half, float most) {
  float keep = weight(state.most[half], most);
  state.most[half] = most;
  state.sum[half] *= keep;
#pragma unroll
  for (int block = 0; block < D / 8; block++) {
    state.out[block][2 * half] = shrunk(state.out[block][2 * half], keep);
    state.out[block][2 * half + 1] = shrunk(state.out[block][2 * half + 1], keep);
  }
}

// Turns logits into weights relative to the new maximum, and scales what was summed so far. Weights
// of codes are those of the values' codes then.
template <typename T, int D, bool SPLIT>
__device__ void tile_softmax(const TileFinder<T, D, SPLIT> &finder, const TileRows &rows,
                             const Masking &masking, const float *queries,
                             const TileExtras<T, D, SPLIT> &extras,
                             TileWeights<T, D, SPLIT> &logits, TileState<T, D, SPLIT> &state) {
  using L = TileLayout<T, D, SPLIT>;
  int t = threadIdx.x % 4;
  int row = L::first_row() + threadIdx.x % 32 / 4; // and row + 8
  const int at[2] = {__float_as_int(queries[position_at<D, L::QUERY_STRIDE>(row)]),
                     __float_as_int(queries[position_at<D, L::QUERY_STRIDE>(row + 8)])};
  float most[2] = {state.most[0], state.most[1]};
#pragma unroll
  for (int n = 0; n < L::TILES; n++) {
    const int slots[2] = {L::first_slot() + 8 * n + slot_of_column(2 * t),
                          L::first_slot() + 8 * n + slot_of_column(2 * t + 1)};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (extras.coded) {
        logits[n][i] *= extras.beside.scales[slots[i % 2]].value[0];
      }
      logits[n][i] = masking.capped(logits[n][i]);
    }
    if (!finder.whole || rows.alibi || extras.biased || rows.logits != nullptr) {
#pragma unroll
      for (int odd = 0; odd < 2; odd++) {
        int slot = slots[odd];
        float bias = extras.biased ? extras.beside.biases[slot] : 0;
        int position = __shfl_sync(WARP, finder.position, slot);
        bool there = finder.visible >> slot & 1;
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float &logit = logits[n][2 * half + odd];
          if (rows.alibi) {
            float slope = queries[slope_at<D, L::QUERY_STRIDE>(row + 8 * half)];
            logit = fmaf(slope, (float)(position - at[half]), logit);
          }
          logit += bias;
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
    rebase(state, half, most[half]);
  }
#pragma unroll
  for (int n = 0; n < L::TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      logits[n][i] = weight(logits[n][i], most[i / 2]);
      state.sum[i / 2] += logits[n][i];
      if (extras.coded && logits[n][i] != 0) { // a scale may be NaN
        int slot = L::first_slot() + 8 * n + slot_of_column(2 * t + i % 2);
        logits[n][i] *= extras.beside.scales[slot].value[1];
      }
    }
  }
}

// Adds the states of the other warps to that of the first, in their order, when all have the same
// maximum.
template <typename T, int D, bool SPLIT>
__device__ void merge_warps(TileState<T, D, SPLIT> &state, T *stages) {
  using L = TileLayout<T, D, SPLIT>;
  constexpr int STATE = D / 8 + 1;
  static_assert((4 * L::WARPS + L::THREADS * STATE) * 16 <= L::STAGES_BYTES,
                "the states take the place of the stages");
  float *mosts = reinterpret_cast<float *>(stages);
  Floats<4> *states = reinterpret_cast<Floats<4> *>(mosts + 16 * L::WARPS) + threadIdx.x % 32;
  int row = threadIdx.x % 32 / 4; // and row + 8
#pragma unroll
  for (int half = 0; half < 2 && threadIdx.x % 4 == 0; half++) {
    mosts[16 * L::warp() + 8 * half + row] = state.most[half];
  }
  __syncthreads();
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float most = state.most[half];
#pragma unroll
    for (int warp = 0; warp < L::WARPS; warp++) {
      most = fmaxf(most, mosts[16 * warp + 8 * half + row]);
    }
    rebase(state, half, most);
  }
  if (L::warp() > 0) {
    Floats<4> *to = states + L::warp() * STATE * 32;
    to[0] = Floats<4>{state.sum[0], state.sum[1], 0, 0};
#pragma unroll
    for (int block = 0; block < D / 8; block++) {
      to[32 * (block + 1)] = Floats<4>{state.out[block][0], state.out[block][1],
                                       state.out[block][2], state.out[block][3]};
    }
  }
  __syncthreads();
  for (int warp = 1; warp < L::WARPS && L::warp() == 0; warp++) {
    const Floats<4> *from = states + warp * STATE * 32;
    state.sum[0] += from[0].value[0];
    state.sum[1] += from[0].value[1];
#pragma unroll
    for (int block = 0; block < D / 8; block++) {
      Floats<4> out = from[32 * (block + 1)];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        state.out[block][i] += out.value[i];
      }
    }
  }
}
