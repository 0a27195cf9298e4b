// How a product is cut: 32 rows of W are a block, four blocks are a panel, a run of a panel's
// columns is a slice, and a run of its slices is a share. All of that depends on W only. The sums of
// the slices of a share are added in their order, then those of the shares, so neither the number of
// rows of x nor the launch changes a bit.
#pragma once

#include "sparse/pieces.cuh"

constexpr int PANEL_BLOCKS = 4;

// Slices of a share at least, if a panel has so many: with eight rows of x the sums of a share are
// a twelfth of its weights.
constexpr int SHARE_SLICES = 3;

struct Product {
  PlainRows x;
  float *y;
  int outputs;
  int whole;         // whether blocks of threads take all columns, or else a slice or a share
  float *partial;    // [rows of x / ROWS][slice][block of the panel][ROWS][32], unless whole
  unsigned *arrived; // [rows of x / ROWS][block], zero between launches
};

__device__ inline int blocks_of(int outputs) { return (outputs + BLOCK_ROWS - 1) / BLOCK_ROWS; }

// The slices of a panel; numbers go on from panel to panel.
struct PanelSlices {
  int first;
  int count;

  __device__ int shares() const { return max(1, count / SHARE_SLICES); }

  // Where a share begins, from 0 on.
  __device__ int share(int share) const { return (int)((long long)share * count / shares()); }
};

// A sum of row n of W and a row of x, as it is stored.
template <typename Weights>
__device__ float finished(const Weights &weights, const float *x, int n, float sum) {
  if constexpr (Weights::REPEATS) {
    // Pieces turn an infinity, and a sum that passes through one, into NaN.
    if (!isfinite(sum)) {
      return weights.plain(x, n);
    }
  }
  return sum;
}

template <typename Weights>
__device__ void store(const Product &p, const Weights &weights, int m, int n, float sum) {
  p.y[(long long)m * p.outputs + n] = finished(weights, p.x[m], n, sum);
}

// Stores what a warp has of the result, in Outputs or Totals.
template <int ROWS, typename Weights, typename Left>
__device__ void store_all(const Product &p, const Weights &weights, int block, int firstRow,
                          int lane, const Left &outputs) {
#pragma unroll Left::UNROLLED
  for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
    int m = firstRow + Outputs<ROWS>::input(i, lane);
    int n = block * BLOCK_ROWS + Outputs<ROWS>::output(i, lane);
    if (m < min(p.x.count, firstRow + ROWS) && n < p.outputs) {
      store(p, weights, m, n, outputs[i]);
    }
  }
}

// Sums of a block that several warps make: parts, each of a slice or of a share, [ROWS][32] floats.
template <int ROWS> struct Parts {
  static constexpr int SIZE = ROWS * BLOCK_ROWS;
  static constexpr int STRIDE = PANEL_BLOCKS * SIZE; // from part to part

  float *first;

  // Of a block of the panel whose parts begin at `panel`.
  __device__ Parts(float *panel, int block) : first(panel + block % PANEL_BLOCKS * SIZE) {}

  // Writes the rows below `rows` of a part.
  template <typename Left>
  __device__ void leave(int part, int rows, int lane, const Left &outputs) const {
    float *own = first + (long long)part * STRIDE;
#pragma unroll Left::UNROLLED
    for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
      int m = Outputs<ROWS>::input(i, lane);
      if (m < rows) {
        own[m * BLOCK_ROWS + Outputs<ROWS>::output(i, lane)] = outputs[i];
      }
    }
  }

  // All parts from `from` on, of row m of x and the lane's row of W. OF_SLICES says what they are.
  template <bool OF_SLICES>
  __device__ float add(int from, const PanelSlices &slices, int m, int lane) const {
    const float *own = first + (long long)from * STRIDE + m * BLOCK_ROWS + lane;
    float total = 0;
    float sum = 0;
    int share = 0;
    int count = OF_SLICES ? slices.count : slices.shares();
    for (int i = 0; i < count; i++) {
      sum += __ldcg(own + (long long)i * STRIDE);
      if (!OF_SLICES || i + 1 == slices.share(share + 1)) {
        total += sum;
        sum = 0;
        share++;
      }
    }
    return total;
  }
};

// Counts a warp that has left its part; whether it is the last of `count`, and can read the others'.
__device__ inline bool is_last(unsigned *arrived, int count, int lane) {
  __syncwarp();
  unsigned before = 0;
  if (lane == 0) {
    __threadfence();
    before = atomicInc(arrived, count - 1);
    __threadfence();
  }
  __syncwarp();
  return __shfl_sync(0xffffffffu, before, 0) == count - 1;
}

// Leaves a part of a block; the last warp to come adds them all.
template <int ROWS, bool OF_SLICES, typename Weights, typename Left>
__device__ void deliver(const Product &p, const Weights &weights, const PanelSlices &slices,
                        int block, int batch, int part, int lane, const Left &outputs) {
  int firstRow = batch * ROWS;
  int rows = min(p.x.count - firstRow, ROWS);
  long long before = (long long)batch * weights.all_slices() + slices.first;
  Parts<ROWS> parts(p.partial + before * Parts<ROWS>::STRIDE, block);
  parts.leave(part, rows, lane, outputs);
  unsigned *arrived = p.arrived + (long long)batch * blocks_of(p.outputs) + block;
  if (!is_last(arrived, OF_SLICES ? slices.count : slices.shares(), lane)) {
    return;
  }
  int n = block * BLOCK_ROWS + lane;
  for (int m = 0; m < rows; m++) {
    float sum = parts.template add<OF_SLICES>(0, slices, m, lane);
    if (n < p.outputs) {
      store(p, weights, firstRow + m, n, sum);
    }
  }
}
