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
  const float *x;
  float *y;
  int rows;
  int outputs;
  int inputs;
  int whole;         // whether blocks of threads take all columns, or else a slice or a share
  float *partial;    // [rows of x / ROWS][slice][block of the panel][ROWS][32], unless whole
  unsigned *arrived; // [rows of x / ROWS][block], zero between launches

  __device__ int blocks() const { return (outputs + BLOCK_ROWS - 1) / BLOCK_ROWS; }

  // Whether rows of x can be read 16 bytes at a time.
  __device__ bool wide() const {
    return (reinterpret_cast<unsigned long long>(x) & 15) == 0 && inputs % 4 == 0;
  }
};

// The slices of a panel; numbers go on from panel to panel.
struct PanelSlices {
  int first;
  int count;

  __device__ int shares() const { return max(1, count / SHARE_SLICES); }

  // Where a share begins, from 0 on.
  __device__ int share(int share) const { return (int)((long long)share * count / shares()); }
};

template <typename Weights>
__device__ void store(const Product &p, const Weights &weights, int m, int n, float value) {
  if constexpr (Weights::REPEATS) {
    // Pieces turn an infinity, and a sum that passes through one, into NaN.
    if (!isfinite(value)) {
      value = weights.plain(p.x + (long long)m * p.inputs, n);
    }
  }
  p.y[(long long)m * p.outputs + n] = value;
}

// Stores what a warp has of the result.
template <int ROWS, typename Weights>
__device__ void store_all(const Product &p, const Weights &weights, int block, int firstRow,
                          int lane, const Outputs<ROWS> &outputs) {
#pragma unroll
  for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
    int m = firstRow + Outputs<ROWS>::input(i, lane);
    int n = block * BLOCK_ROWS + Outputs<ROWS>::output(i, lane);
    if (m < min(p.rows, firstRow + ROWS) && n < p.outputs) {
      store(p, weights, m, n, outputs.value[i]);
    }
  }
}

// Leaves the sums of one of `parts` parts, slices or shares, of a block; the last warp to come adds
// them all.
template <int ROWS, bool OF_SLICES, typename Weights>
__device__ void deliver(const Product &p, const Weights &weights, const PanelSlices &slices,
                        int block, int batch, int part, int parts, int lane,
                        const Outputs<ROWS> &outputs) {
  constexpr int SIZE = ROWS * BLOCK_ROWS;
  constexpr int STRIDE = PANEL_BLOCKS * SIZE;
  int firstRow = batch * ROWS;
  int rows = min(p.rows - firstRow, ROWS);
  float *all = p.partial +
               ((long long)batch * weights.all_slices() + slices.first) * STRIDE +
               block % PANEL_BLOCKS * SIZE;
  float *own = all + (long long)part * STRIDE;
#pragma unroll
  for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
    int m = Outputs<ROWS>::input(i, lane);
    if (m < rows) {
      own[m * BLOCK_ROWS + Outputs<ROWS>::output(i, lane)] = outputs.value[i];
    }
  }
  __syncwarp();
  unsigned before = 0;
  if (lane == 0) {
    __threadfence();
    before = atomicInc(p.arrived + (long long)batch * p.blocks() + block, parts - 1);
    __threadfence();
  }
  __syncwarp();
  before = __shfl_sync(0xffffffffu, before, 0);
  if (before != parts - 1) {
    return;
  }
  int n = block * BLOCK_ROWS + lane;
  for (int m = 0; m < rows; m++) {
    float total = 0;
    float sum = 0;
    int share = 0;
    for (int i = 0; i < parts; i++) {
      sum += __ldcg(all + (long long)i * STRIDE + m * BLOCK_ROWS + lane);
      if (!OF_SLICES || i + 1 == slices.share(share + 1)) {
        total += sum;
        sum = 0;
        share++;
      }
    }
    if (n < p.outputs) {
      store(p, weights, firstRow + m, n, total);
    }
  }
}
