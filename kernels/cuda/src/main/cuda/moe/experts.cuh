// Products of the experts' matrices with the slots of each expert: the shapes, the code and the bits
// of a product with one matrix (sparse/), with the activation at the end.
//
// The slots of an expert are cut into tiles, which are numbered expert by expert. Experts with few
// slots are left to the kernels ..._8, the others to ..._64; each of the two passes over what is not
// its own. A block of threads takes a unit of a tile: some blocks of W of both matrices with all
// columns ("whole"), or a slice or a share of one of them, whose sums wait for those of the others.
#pragma once

#include "common/guard.cuh"
#include "sparse/narrow.cuh"
#include "sparse/panel.cuh"

constexpr int FEW = 8;       // slots of an expert that the kernels ..._8 take
constexpr int MOST_CUT = 32; // slots of a tile whose matrices may be cut into shares

enum Activation { NONE, SWIGLU, GEGLU };

struct Experts {
  const int *offsets;
  int experts;
  const int *order; // null: slot by slot
  int top;          // choices of a row of x; 0: a row a slot
  const float *x;
  long long xRows;
  float *y;
  int slots;
  int outputs;
  int inputs;
  int activation;
  int sliced;        // whether one or two slots are multiplied with slices,
  int shares;        // and more with shares; otherwise with all columns of both matrices
  int units;         // of a tile
  float *partial;    // [tile][batch][panel][region]: parts of the gate, then of the up matrix
  unsigned *arrived; // [tile][batch][block], zero between launches
  long long region;
  Complaint *complaint;
  int kernel;
};

struct Tile {
  int index;
  int expert;
  int first;
  int count; // 0: nothing to do
};

template <int MOST> __device__ int tiles_of(int slots) {
  return MOST == FEW ? slots > 0 && slots <= FEW : slots <= FEW ? 0 : (slots + MOST - 1) / MOST;
}

// A tile of at most MOST slots. All lanes of a warp look together.
template <int MOST> __device__ Tile find_tile(const Experts &e, int index) {
  constexpr unsigned ALL = 0xffffffffu;
  int lane = threadIdx.x % 32;
  int before = 0;
  for (int from = 0; from < e.experts; from += 32) {
    int expert = from + lane;
    int start = 0;
    int stop = 0;
    if (expert < e.experts) {
      start = e.offsets[expert];
      stop = e.offsets[expert + 1];
      if (start < 0 || stop < start || stop > e.slots) {
        complain(e.complaint, e.kernel, 0, start < 0 ? expert : expert + 1,
                 start < 0 ? start : stop);
        start = stop = 0;
      }
    }
    int tiles = tiles_of<MOST>(stop - start);
    int until = tiles;
    for (int away = 1; away < 32; away *= 2) {
      int other = __shfl_up_sync(ALL, until, away);
      until += lane >= away ? other : 0;
    }
    int mine = index - before - (until - tiles);
    unsigned found = __ballot_sync(ALL, mine >= 0 && mine < tiles);
    if (found != 0) {
      int owner = __ffs(found) - 1;
      int first = __shfl_sync(ALL, start + mine * MOST, owner);
      int end = __shfl_sync(ALL, stop, owner);
      return {index, from + owner, first, min(MOST, end - first)};
    }
    before += __shfl_sync(ALL, until, 31);
  }
  return {index, 0, 0, 0};
}

// The rows of x of a tile, in shared memory.
struct GatheredRows {
  const float *const *rows; // null: padding, or none
  int count;
  int columns;
  bool aligned;

  __device__ const float *operator[](int m) const { return rows[m]; }
  __device__ bool wide() const { return aligned; }
};

// Finds the rows of x, and waits until all threads have.
template <int MOST>
__device__ GatheredRows gather(const Experts &e, const Tile &tile, const float **rows) {
  for (int i = threadIdx.x; i < MOST; i += blockDim.x) {
    const float *row = nullptr;
    if (i < tile.count) {
      int slot = tile.first + i;
      int choice = e.order == nullptr ? slot : e.order[slot];
      if (choice < -1 || (e.top > 0 && choice >= e.xRows * e.top)) {
        complain(e.complaint, e.kernel, 1, slot, choice);
      } else if (choice >= 0) {
        row = e.x + (long long)(e.top == 0 ? slot : choice / e.top) * e.inputs;
      }
    }
    rows[i] = row;
  }
  __syncthreads();
  bool aligned = (reinterpret_cast<unsigned long long>(e.x) & 15) == 0 && e.inputs % 4 == 0;
  return {rows, tile.count, e.inputs, aligned};
}

// The matrices of an expert.
template <typename Weights> struct Expert {
  const typename Weights::Matrix *gate;
  const typename Weights::Matrix *up; // null: there is none
  const typename Weights::Shape &shape;
  unsigned char *shared;

  __device__ int matrices() const { return up == nullptr ? 1 : 2; }
  __device__ Weights weights(bool ofUp) const { return {ofUp ? *up : *gate, shape, shared}; }
};

__device__ inline float activate(float gate, float up, int activation) {
  if (activation == SWIGLU) {
    return gate / (1 + expf(-gate)) * up;
  }
  if (activation == GEGLU) {
    return gate * (1 + erff(gate * 0.70710678f)) / 2 * up;
  }
  return gate;
}

// What a block of threads does.
struct Unit {
  int panel; // of its blocks of W
  int part;  // slice or share, unless whole
  int from;  // matrices: 0 is the gate
  int to;
  bool whole;
};

// A part of a matrix; that of the tile's last matrix plus 1 is behind it.
template <bool OF_SLICES, typename Weights>
__device__ Unit cut_unit(const Expert<Weights> &expert, int unit) {
  for (int matrix = 0; matrix < expert.matrices(); matrix++) {
    Weights weights = expert.weights(matrix == 1);
    int count = OF_SLICES ? weights.all_slices() : weights.all_shares();
    if (unit < count) {
      int2 place = OF_SLICES ? weights.slice_unit(unit) : weights.share_unit(unit);
      return {place.x, place.y, matrix, matrix + 1, false};
    }
    unit -= count;
  }
  return {0, 0, 0, 0, false};
}

// Stores element n of a slot from the sums of both matrices; padding stays as it was.
template <typename Weights>
__device__ void store(const Experts &e, const Expert<Weights> &expert, const Tile &tile,
                      const GatheredRows &x, int m, int n, float gate, float up) {
  const float *row = m < tile.count ? x[m] : nullptr;
  if (row == nullptr || n >= e.outputs) {
    return;
  }
  gate = finished(expert.weights(false), row, n, gate);
  if (e.activation != NONE) {
    up = finished(expert.weights(true), row, n, up);
  }
  e.y[(long long)(tile.first + m) * e.outputs + n] = activate(gate, up, e.activation);
}

template <int ROWS, typename Weights, typename Left>
__device__ void store_all(const Experts &e, const Expert<Weights> &expert, const Tile &tile,
                          const GatheredRows &x, int firstRow, int block, int lane,
                          const Left &gate, const Left &up) {
#pragma unroll Left::UNROLLED
  for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
    int m = Outputs<ROWS>::input(i, lane);
    int n = block * BLOCK_ROWS + Outputs<ROWS>::output(i, lane);
    if (m < ROWS) {
      store(e, expert, tile, x, firstRow + m, n, gate[i], up[i]);
    }
  }
}

// Leaves a part of a block; the last warp to come adds those of both matrices.
template <int ROWS, bool OF_SLICES, typename Weights, typename Left>
__device__ void deliver(const Experts &e, const Expert<Weights> &expert, const Tile &tile,
                        const GatheredRows &x, const Unit &unit, int batches, int batch, int block,
                        int lane, const Left &sums) {
  PanelSlices slices[2];
  int counts[2] = {0, 0};
#pragma unroll
  for (int matrix = 0; matrix < 2; matrix++) {
    slices[matrix] = {0, 0};
    if (matrix < expert.matrices()) {
      slices[matrix] = expert.weights(matrix == 1).slices(unit.panel);
      counts[matrix] = OF_SLICES ? slices[matrix].count : slices[matrix].shares();
    }
  }
  int firstRow = batch * ROWS;
  int rows = min(tile.count - firstRow, ROWS);
  if (counts[0] + counts[1] == 1) {
    store_all<ROWS>(e, expert, tile, x, firstRow, block, lane, sums, sums);
    return;
  }
  int blocks = blocks_of(e.outputs);
  int panels = (blocks + PANEL_BLOCKS - 1) / PANEL_BLOCKS;
  long long place = (long long)tile.index * batches + batch;
  Parts<ROWS> parts(e.partial + (place * panels + unit.panel) * e.region, block);
  parts.leave((unit.from == 0 ? 0 : counts[0]) + unit.part, rows, lane, sums);
  if (!is_last(e.arrived + place * blocks + block, counts[0] + counts[1], lane)) {
    return;
  }
  for (int m = 0; m < rows; m++) {
    float gate = parts.template add<OF_SLICES>(0, slices[0], m, lane);
    float up = counts[1] == 0 ? 0 : parts.template add<OF_SLICES>(counts[0], slices[1], m, lane);
    store(e, expert, tile, x, firstRow + m, block * BLOCK_ROWS + lane, gate, up);
  }
}

// One or two slots: a warp takes a block of W.
template <typename Weights>
__device__ void narrow_experts(const Experts &e, const Expert<Weights> &expert, const Tile &tile,
                               const GatheredRows &x, int index) {
  Unit unit =
      e.sliced ? cut_unit<true>(expert, index) : Unit{index, 0, 0, expert.matrices(), true};
  int lane = threadIdx.x % 32;
  int block = unit.panel * PANEL_BLOCKS + threadIdx.x / 32;
  if (block >= blocks_of(e.outputs) || unit.to == 0) {
    return; // a whole warp
  }
  DirectInputs inputs(x, lane);
  Outputs<2> gate;
  Outputs<2> sums;
#pragma unroll 1
  for (int matrix = unit.from; matrix < unit.to; matrix++) {
    Weights weights = expert.weights(matrix == 1);
    PanelSlices slices = weights.slices(unit.panel);
    sums = narrow_sums(weights, slices, block, unit.part,
                       unit.whole ? slices.count : unit.part + 1, inputs, lane);
#pragma unroll
    for (int i = 0; i < Outputs<2>::COUNT; i++) {
      gate.value[i] = matrix == 0 ? sums.value[i] : gate.value[i];
    }
  }
  if (unit.whole) {
    store_all<2>(e, expert, tile, x, 0, block, lane, gate, sums);
  } else {
    deliver<2, true>(e, expert, tile, x, unit, 1, 0, block, lane, sums);
  }
}

// More slots: the block of threads goes through the columns together.
template <int ROWS, typename Weights>
__device__ void panel_experts(const Experts &e, const Expert<Weights> &expert, const Tile &tile,
                              const GatheredRows &x, int index, const WarpGrid &warps) {
  int firstBlock = index * warps.blocks;
  int blocks = blocks_of(e.outputs);
  Unit unit = {firstBlock / PANEL_BLOCKS, 0, 0, firstBlock < blocks ? expert.matrices() : 0, true};
  if (e.shares && tile.count <= MOST_CUT) {
    unit = cut_unit<false>(expert, index);
    firstBlock = unit.panel * PANEL_BLOCKS;
  }
  int block = firstBlock + warps.block;
  bool there = block < blocks;
  auto *totals = reinterpret_cast<float *>(
      expert.shared + panel_bytes<ROWS>(expert.weights(false), warps)) + warps.thread();
  float *last = totals;
#pragma unroll 1
  for (int matrix = unit.from; matrix < unit.to; matrix++) {
    Weights weights = expert.weights(matrix == 1);
    int behind = unit.whole ? weights.slices(unit.panel).shares() : unit.part + 1;
    last = totals + (unit.whole ? matrix : 0) * Outputs<ROWS>::COUNT * warps.threads();
    panel_sums<ROWS>(weights, unit.panel, unit.part, behind, block, there, x, 0, warps,
                     expert.shared, last);
  }
  if (unit.to == 0 || !there || warps.batch * ROWS >= tile.count) {
    return;
  }
  Totals sums = {totals, warps.threads()};
  if (unit.whole) {
    store_all<ROWS>(e, expert, tile, x, warps.batch * ROWS, block, warps.lane, sums,
                    Totals{last, warps.threads()});
  } else {
    deliver<ROWS, false>(e, expert, tile, x, unit, warps.batches, warps.batch, block, warps.lane,
                         sums);
  }
}

template <int MOST, typename Weights>
__device__ void expert_matmul(const Experts &e, const typename Weights::Matrix *gates,
                              const typename Weights::Matrix *ups,
                              const typename Weights::Shape &shape, unsigned char *shared) {
  __shared__ const float *rows[MOST];
  Tile tile = find_tile<MOST>(e, blockIdx.x / e.units);
  if (tile.count == 0) {
    return;
  }
  GatheredRows x = gather<MOST>(e, tile, rows);
  Expert<Weights> expert = {gates + tile.expert, ups == nullptr ? nullptr : ups + tile.expert,
                            shape, shared};
  int unit = blockIdx.x % e.units;
  if constexpr (MOST == FEW) {
    if (tile.count <= Weights::NARROW_ROWS) {
      narrow_experts(e, expert, tile, x, unit);
    } else {
      panel_experts<8>(e, expert, tile, x, unit, WarpGrid::of(PANEL_BLOCKS, 1));
    }
  } else {
    int blocks = tile.count <= MOST_CUT ? PANEL_BLOCKS : PANEL_BLOCKS / 2;
    panel_experts<16>(e, expert, tile, x, unit, WarpGrid::of(blocks, blockDim.x / 32 / blocks));
  }
}

#define EXPERT_KERNEL(NAME, MOST, THREADS, RESIDENT, ...)                                          \
  extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)                                  \
      NAME##_##MOST(const int *offsets, int experts, const int *order, int top, const float *x,    \
                    long long xRows, float *y, int slots, int inputs, int activation, int sliced,  \
                    int shares, int units, float *partial, unsigned *arrived, long long region,    \
                    const __VA_ARGS__::Matrix *gates, const __VA_ARGS__::Matrix *ups,              \
                    const __VA_ARGS__::Shape shape, Complaint *complaint, int kernel) {            \
    extern __shared__ uint4 shared[];                                                              \
    Experts e = {offsets,       experts, order,      top,     x,       xRows,     y,     slots,    \
                 shape.outputs, inputs,  activation, sliced,  shares,  units,     partial,         \
                 arrived,       region,  complaint,  kernel};                                      \
    expert_matmul<MOST, __VA_ARGS__>(e, gates, ups, shape,                                         \
                                     reinterpret_cast<unsigned char *>(shared));                   \
  }

#define EXPERT_KERNELS(NAME, ...)                                                                  \
  EXPERT_KERNEL(NAME, 8, 128, 3, __VA_ARGS__)                                                      \
  EXPERT_KERNEL(NAME, 64, 256, 1, __VA_ARGS__)

#define GROUP_EXPERTS(NAME, SPARSE)                                                                \
  EXPERT_KERNELS(NAME##_w8_g8, GroupWeights<8, 8, SPARSE, false>)                                  \
  EXPERT_KERNELS(NAME##_w4_g8, GroupWeights<4, 8, SPARSE, false>)                                  \
  EXPERT_KERNELS(NAME##_w2_g8, GroupWeights<2, 8, SPARSE, false>)                                  \
  EXPERT_KERNELS(NAME##_w8, GroupWeights<8, 16, SPARSE, false>)                                    \
  EXPERT_KERNELS(NAME##_w4, GroupWeights<4, 16, SPARSE, false>)                                    \
  EXPERT_KERNELS(NAME##_w2, GroupWeights<2, 16, SPARSE, false>)
