// Shapes of the blocks of attention_tile.cuh, and how they find and fetch slots.
#pragma once

#include "attention/pages.cuh"

// The warps of a block have 16 rows each and all slots of a stage, or, SPLIT, the same 16 rows and
// 8 of the slots each, until their states are merged.
template <typename T, int D, bool SPLIT> struct TileLayout {
  static constexpr bool EXACT = sizeof(T) == 2; // TF32 holds all of an element
  static constexpr int VECTOR = 16 / sizeof(T);
  static constexpr int WARPS = D <= 128 ? 4 : 2;
  static constexpr int THREADS = 32 * WARPS;
  static constexpr int ROWS = SPLIT ? 16 : 16 * WARPS;
  static constexpr int ROW_BYTES = D * sizeof(T);
  // Of a stage: two stages fit beside the queries, and with D = 256 registers are short.
  static constexpr int SLOTS = SPLIT ? 8 * WARPS : D > 128 ? 8 : ROW_BYTES <= 256 ? 32 : 16;
  static constexpr int TILES = SPLIT ? 1 : SLOTS / 8; // of 8 slots, of a warp
  // Strides that spread neighbouring rows over the banks.
  static constexpr int QUERY_STRIDE = D + 16;
  static constexpr int SLOT_STRIDE = D + 32 / sizeof(T);
  static constexpr int COPIES = SLOTS * D / VECTOR / THREADS; // of 16 bytes, of a thread

  // Dynamic shared memory: queries, then two stages of keys and values.
  static constexpr int QUERY_BYTES = ROWS * QUERY_STRIDE * 4;
  static constexpr int STAGE_ELEMENTS = SLOTS * SLOT_STRIDE;

  static __device__ int warp() { return threadIdx.x / 32; }
  static __device__ int first_row() { return SPLIT ? 0 : 16 * warp(); }
  static __device__ int first_slot() { return SPLIT ? 8 * warp() : 0; }
};

// Tiles of slots of which some row sees something.
template <typename T, int D, bool SPLIT> struct TileFinder {
  using L = TileLayout<T, D, SPLIT>;
  const int *pages;
  int end;
  int least; // of the positions of the queries
  int most;

  int start;        // first slot of the tile found, at least end if there is none
  unsigned visible; // bit i: slot start + i is there and visible to some row
  bool whole;       // all slots are visible to all rows
  long long at;     // of slot start + lane in the pool
  int position;

  __device__ void find(const Pool<T> &pool, const Masking &masking, int from) {
    int lane = threadIdx.x % 32;
    for (start = from; start < end; start += L::SLOTS) {
      int slot = start + lane;
      bool there = lane < L::SLOTS && slot < end;
      at = there ? pool.paging.at(pages[pool.paging.page(slot)], slot) : -1;
      position = at >= 0 ? pool.positions[at] : 0;
      bool some = at >= 0 && position >= masking.first(least) &&
                  position <= masking.last(most);
      bool all = some && position >= masking.first(most) && position <= masking.last(least);
      visible = __ballot_sync(WARP, some);
      whole = __popc(__ballot_sync(WARP, all)) == L::SLOTS;
      if (visible != 0) {
        return;
      }
    }
  }
};

template <typename T, int D, bool SPLIT>
__device__ void fetch_tile(const Pool<T> &pool, const TileFinder<T, D, SPLIT> &finder, T *keys,
                           T *values) {
  using L = TileLayout<T, D, SPLIT>;
#pragma unroll 4
  for (int i = 0; i < L::COPIES; i++) {
    int copy = i * L::THREADS + threadIdx.x;
    int slot = copy / (D / L::VECTOR);
    int dim = copy % (D / L::VECTOR) * L::VECTOR;
    long long at = __shfl_sync(WARP, finder.at, slot);
    bool there = (finder.visible >> slot & 1) && dim < pool.headDim;
    long long from = there ? at * pool.headDim + dim : 0;
    copy_async(keys + slot * L::SLOT_STRIDE + dim, pool.keys + from, there);
    copy_async(values + slot * L::SLOT_STRIDE + dim, pool.values + from, there);
  }
}
