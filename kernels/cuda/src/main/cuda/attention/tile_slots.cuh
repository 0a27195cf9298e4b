// Shapes of the blocks of attention_tile.cuh, and how they find and fetch slots. Codes are decoded
// where they are used, once for all rows.
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
  static constexpr int CODE_COPIES = SLOTS * D / 16 / THREADS;

  // Dynamic shared memory: queries, two stages of keys and values, and what lies beside their slots.
  static constexpr int QUERY_BYTES = ROWS * QUERY_STRIDE * 4;
  static constexpr int STAGE_ELEMENTS = SLOTS * SLOT_STRIDE;
  static constexpr int STAGES_BYTES = 4 * STAGE_ELEMENTS * sizeof(T);

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

// What lies beside the slots of a stage.
template <typename T, int D, bool SPLIT> struct TileBeside {
  static constexpr int SLOTS = TileLayout<T, D, SPLIT>::SLOTS;
  Floats<2> scales[SLOTS];
  float biases[SLOTS];
};

// Dynamic shared memory behind the queries. Where slots hold codes, two stages of codes lie in the
// room of the second stage of keys and values, and the first is what they stand for.
template <typename T, int D, bool SPLIT> struct TileStages {
  using L = TileLayout<T, D, SPLIT>;
  using Beside = TileBeside<T, D, SPLIT>;
  static constexpr int CODES = L::SLOTS * D; // of keys or values in a stage
  static_assert(4 * CODES <= 2 * L::STAGE_ELEMENTS * (int)sizeof(T), "room for two stages");
  T *memory;
  bool coded;

  __device__ T *keys(int stage) const {
    return memory + (coded ? 0 : 2 * stage * L::STAGE_ELEMENTS);
  }
  __device__ T *values(int stage) const { return keys(stage) + L::STAGE_ELEMENTS; }

  // Codes of keys, then of values.
  __device__ unsigned char *codes(int stage) const {
    return reinterpret_cast<unsigned char *>(memory + 2 * L::STAGE_ELEMENTS) + 2 * stage * CODES;
  }
  __device__ Beside &beside(int stage) const {
    return reinterpret_cast<Beside *>(reinterpret_cast<char *>(memory) + L::STAGES_BYTES)[stage];
  }
};

template <typename T, int D, bool SPLIT>
__device__ void fetch_codes(const Pool<T> &pool, const TileFinder<T, D, SPLIT> &finder,
                            unsigned char *codes) {
  using L = TileLayout<T, D, SPLIT>;
  using Stages = TileStages<T, D, SPLIT>;
#pragma unroll
  for (int i = 0; i < L::CODE_COPIES; i++) {
    int copy = i * L::THREADS + threadIdx.x;
    int slot = copy / (D / 16);
    int dim = copy % (D / 16) * 16;
    long long at = __shfl_sync(WARP, finder.at, slot);
    bool there = finder.visible >> slot & 1;
    pool.copy_codes(codes + 16 * copy, pool.keys, at, dim, there);
    pool.copy_codes(codes + Stages::CODES + 16 * copy, pool.values, at, dim, there);
  }
}

template <typename T, int D, bool SPLIT>
__device__ void fetch_tile(const Pool<T> &pool, const float *slotBias,
                           const TileFinder<T, D, SPLIT> &finder,
                           const TileStages<T, D, SPLIT> &stages, int stage) {
  using L = TileLayout<T, D, SPLIT>;
  if (threadIdx.x < L::SLOTS) { // lane i of the first warp knows slot i
    bool there = finder.visible >> threadIdx.x & 1;
    long long from = there ? finder.at : 0;
    if (slotBias != nullptr) {
      copy_async_few<4>(&stages.beside(stage).biases[threadIdx.x], slotBias + from, there);
    }
    if (pool.coded()) {
      copy_async_few<8>(&stages.beside(stage).scales[threadIdx.x], pool.scales + from, there);
    }
  }
  if constexpr (MAY_BE_CODES<T>) {
    if (pool.coded()) {
      fetch_codes(pool, finder, stages.codes(stage));
      return;
    }
  }
  T *keys = stages.keys(stage);
  T *values = stages.values(stage);
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

// Whether 16 bytes hold an infinity or a NaN.
template <typename T> __device__ bool special(uint4 raw) {
  unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
  constexpr unsigned EXPONENT = MAY_BE_CODES<T> ? 0x7f80 : 0x7c00; // of 16 bits
  bool found = false;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if constexpr (sizeof(T) == 4) {
      found |= (words[i] & 0x7f800000) == 0x7f800000;
    } else {
      found |= (words[i] & EXPONENT) == EXPONENT || (words[i] >> 16 & EXPONENT) == EXPONENT;
    }
  }
  return found;
}

// Stores 16 codes, without their scale, as BF16 at a place in shared memory. Of each 8 neighbouring
// threads half store their upper elements first, so that they meet in no bank.
__device__ inline bool decode16(uint4 codes, bool f8, bool swap, __nv_bfloat16 *to) {
  const unsigned words[4] = {codes.x, codes.y, codes.z, codes.w};
  unsigned pairs[8];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    Floats<4> four = decode4(words[i], f8);
#pragma unroll
    for (int j = 0; j < 2; j++) {
      pairs[2 * i + j] = __byte_perm(__float_as_uint(four.value[2 * j]),
                                     __float_as_uint(four.value[2 * j + 1]), 0x7632);
    }
  }
  uint4 low{pairs[0], pairs[1], pairs[2], pairs[3]};
  uint4 high{pairs[4], pairs[5], pairs[6], pairs[7]};
  uint4 *first = reinterpret_cast<uint4 *>(to);
  first[swap] = swap ? high : low;
  first[!swap] = swap ? low : high;
  return special<__nv_bfloat16>(low) || special<__nv_bfloat16>(high);
}

// Makes ready what the thread has fetched of a stage, and says whether a value in it is infinite or
// NaN.
template <typename T, int D, bool SPLIT>
__device__ bool open_stage(const Pool<T> &pool, const TileStages<T, D, SPLIT> &stages, int stage) {
  using L = TileLayout<T, D, SPLIT>;
  using Stages = TileStages<T, D, SPLIT>;
  bool found = false;
  if constexpr (MAY_BE_CODES<T>) {
    if (pool.coded()) {
      const unsigned char *codes = stages.codes(stage);
#pragma unroll
      for (int i = 0; i < L::CODE_COPIES; i++) {
        int copy = i * L::THREADS + threadIdx.x;
        int to = copy / (D / 16) * L::SLOT_STRIDE + copy % (D / 16) * 16;
        bool swap = threadIdx.x & 4;
        decode16(*reinterpret_cast<const uint4 *>(codes + 16 * copy), pool.f8, swap,
                 stages.keys(stage) + to);
        found |= decode16(*reinterpret_cast<const uint4 *>(codes + Stages::CODES + 16 * copy),
                          pool.f8, swap, stages.values(stage) + to);
      }
      return found;
    }
  }
#pragma unroll 4
  for (int i = 0; i < L::COPIES; i++) {
    int copy = i * L::THREADS + threadIdx.x;
    int at = copy / (D / L::VECTOR) * L::SLOT_STRIDE + copy % (D / L::VECTOR) * L::VECTOR;
    found |= special<T>(*reinterpret_cast<const uint4 *>(stages.values(stage) + at));
  }
  return found;
}
