// How a block of paged_decode.cuh finds and fetches slots.
//
// LANES neighbouring threads hold one key, 16 bytes each, and a thread holds its part of SLOTS keys
// at once. Keys and values pass through shared memory only to be under way while the slots before
// them are computed: what a thread reads there it or its neighbours have copied, so there are no
// barriers of the block.
#pragma once

#include "attention/pages.cuh"

namespace {

constexpr int THREADS = 128;
constexpr int STAGES = 2;
constexpr int COPIES = 4; // of 16 bytes, of keys and of values, of a thread in a stage

template <typename T, int D> struct Layout {
  static constexpr int VECTOR = 16 / sizeof(T);
  static constexpr int LANES = D / VECTOR < 32 ? D / VECTOR : 32;
  static constexpr int VECTORS = D / VECTOR / LANES; // of a thread in one key
  static constexpr int SLOTS = COPIES / VECTORS;     // of a thread at once
  static constexpr int PARTS = THREADS / LANES;      // slots side by side
  static constexpr int TILE = SLOTS * PARTS;
  static constexpr int QUADS = VECTORS * VECTOR / 4; // groups of 4 elements of a thread
  static_assert(SLOTS <= LANES, "a lane finds one of its key's slots");

  static __device__ int lane() { return threadIdx.x % LANES; }
  static __device__ int part() { return threadIdx.x / LANES; }

  // First element of a quad of a lane.
  static __device__ int dim(int quad, int lane) {
    return (quad / (VECTOR / 4) * LANES + lane) * VECTOR + quad % (VECTOR / 4) * 4;
  }
};

// The slots of a tile that a thread works on, found ahead of their use: the page table is read two
// tiles ahead, the positions one. Lane i of a key looks after slot i.
template <typename T, int D> struct Finder {
  using L = Layout<T, D>;
  const Pool<T> &pool;
  Row row;
  int end;
  int first;
  int last;
  int slot; // of the lane in the tile whose pages are known
  int page;
  long long at; // of the lane's slot in the tile whose positions are known, or -1
  int position;

  __device__ void find_page(int tile) {
    slot = tile + L::lane() * L::PARTS + L::part();
    page = L::lane() < L::SLOTS && slot < end ? row.pages[pool.paging.page(slot)] : -1;
  }

  __device__ void find_position() {
    at = pool.paging.at(page, slot);
    position = at >= 0 ? pool.positions[at] : 0;
  }

  // Bit i: slot i of the thread is there and seen.
  __device__ unsigned visible() const {
    bool mine = at >= 0 && position >= first && position <= last;
    return __ballot_sync(WARP, mine) >> (threadIdx.x % 32 / L::LANES * L::LANES) &
           ((1 << L::SLOTS) - 1);
  }

  __device__ long long place(int i) const { return __shfl_sync(WARP, at, i, L::LANES); }
};

// Keys and values of a tile on their way.
using Stage = uint4[2][COPIES][THREADS];

// What lies beside the slots of a tile: those of a thread follow each other.
template <typename T, int D> struct Beside {
  using L = Layout<T, D>;
  Floats<2> scales[MAY_BE_CODES<T> ? L::TILE : 1];
  int distances[L::TILE]; // from the query
  float biases[L::TILE];
};

template <typename T, int D>
__device__ void fetch_beside(const Finder<T, D> &finder, const Bias &bias, int position,
                             Beside<T, D> &beside) {
  using L = Layout<T, D>;
  if (L::lane() >= L::SLOTS) {
    return;
  }
  int to = L::part() * L::SLOTS + L::lane();
  bool there = finder.at >= 0;
  long long from = there ? finder.at : 0;
  if (bias.slopes != nullptr) {
    beside.distances[to] = finder.position - position;
  }
  if (bias.slots != nullptr) {
    copy_async_few<4>(&beside.biases[to], bias.slots + from, there);
  }
  if (finder.pool.coded()) {
    copy_async_few<8>(&beside.scales[to], finder.pool.scales + from, there);
  }
}

// Codes take half the room of BF16: of two neighbouring lanes one copies the 16 codes that both need
// of the even slots, the other those of the odd ones. The places of the latter are turned by 64
// bytes, so that the lanes of a copy meet in no bank.
__device__ inline int place_of_codes(int odd) { return odd * 64 + (threadIdx.x / 2 ^ 4 * odd); }

template <typename T, int D>
__device__ void fetch(const Finder<T, D> &finder, unsigned visible, Stage &stage) {
  using L = Layout<T, D>;
  const Pool<T> &pool = finder.pool;
  long long places[L::SLOTS];
#pragma unroll
  for (int i = 0; i < L::SLOTS; i++) {
    places[i] = finder.place(i);
  }
  if constexpr (MAY_BE_CODES<T>) {
    if (pool.coded()) {
      int odd = threadIdx.x % 2;
      int dim = L::lane() / 2 * 16;
#pragma unroll
      for (int i = 0; i < L::SLOTS / 2; i++) {
        long long at = odd ? places[2 * i + 1] : places[2 * i];
        bool there = visible >> (2 * i + odd) & 1;
        pool.copy_codes(&stage[0][i][place_of_codes(odd)], pool.keys, at, dim, there);
        pool.copy_codes(&stage[1][i][place_of_codes(odd)], pool.values, at, dim, there);
      }
      return;
    }
  }
#pragma unroll
  for (int i = 0; i < L::SLOTS; i++) {
#pragma unroll
    for (int v = 0; v < L::VECTORS; v++) {
      int dim = (v * L::LANES + L::lane()) * L::VECTOR;
      bool there = (visible >> i & 1) && dim < pool.headDim;
      long long from = there ? places[i] * pool.headDim + dim : 0;
      copy_async(&stage[0][i * L::VECTORS + v][threadIdx.x], pool.keys + from, there);
      copy_async(&stage[1][i * L::VECTORS + v][threadIdx.x], pool.values + from, there);
    }
  }
}

// The thread's part of the keys or the values of a stage; codes without their scales.
template <typename T, int D>
__device__ void unpack(const Pool<T> &pool, const uint4 (*stage)[THREADS],
                       float (*x)[4 * Layout<T, D>::QUADS]) {
  using L = Layout<T, D>;
  if constexpr (MAY_BE_CODES<T>) {
    if (pool.coded()) {
#pragma unroll
      for (int i = 0; i < L::SLOTS; i++) {
        const uint2 *both = reinterpret_cast<const uint2 *>(&stage[i / 2][place_of_codes(i % 2)]);
        uint2 codes = both[threadIdx.x % 2];
        Floats<4> low = decode4(codes.x, pool.f8);
        Floats<4> high = decode4(codes.y, pool.f8);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          x[i][j] = low.value[j];
          x[i][4 + j] = high.value[j];
        }
      }
      return;
    }
  }
#pragma unroll
  for (int i = 0; i < COPIES; i++) {
    uint4 raw = stage[i][threadIdx.x];
    const T *element = reinterpret_cast<const T *>(&raw);
#pragma unroll
    for (int j = 0; j < L::VECTOR; j++) {
      x[i / L::VECTORS][i % L::VECTORS * L::VECTOR + j] = widen(element[j]);
    }
  }
}

} // namespace
