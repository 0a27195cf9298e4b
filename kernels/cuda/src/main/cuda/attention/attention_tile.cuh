// Attention of up to 16 rows a warp over a range of slots with matrix instructions, for kernels
// whose rows are (token, query head of the group) pairs that see the same keys and values.
#pragma once

#include "attention/tile_softmax.cuh"

// Attention of the block's rows, whose queries lie in shared memory, scaled, over slots begin to
// end of a row of the page table.
template <typename T, int D, bool SPLIT>
__device__ void attend_tiles(const Pool<T> &pool, const Row &row, int begin, int end,
                             const TileRows &rows, const Masking &masking, const float *slotBias,
                             const float *queries, T *memory, TileState<T, D, SPLIT> &state) {
  using L = TileLayout<T, D, SPLIT>;
  TileStages<T, D, SPLIT> stages{memory, pool.coded()};
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
    fetch_tile(pool, slotBias, finder, stages, 0);
  }
  commit_copies();
  for (int stage = 0; finder.start < end; stage ^= 1) {
    TileFinder<T, D, SPLIT> current = finder;
    T *keys = stages.keys(stage);
    T *values = stages.values(stage);
    finder.find(pool, masking, current.start + L::SLOTS);
    keep_hidden(rows, current.start + L::SLOTS, min(finder.start, end));
    if (finder.start < end) {
      fetch_tile(pool, slotBias, finder, stages, stage ^ 1);
    }
    commit_copies();
    await_copies<1>();
    bool infinities = __syncthreads_or(open_stage(pool, stages, stage));
    TileWeights<T, D, SPLIT> weights;
    if (mine) {
      tile_logits<T, D, L::TILES>(queries + warpRow * L::QUERY_STRIDE,
                                  keys + L::first_slot() * L::SLOT_STRIDE, weights);
      tile_softmax(current, rows, masking, queries,
                   TileExtras<T, D, SPLIT>{pool.coded(), slotBias != nullptr, stages.beside(stage)},
                   weights, state);
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
    merge_warps(state, memory);
  }
}
