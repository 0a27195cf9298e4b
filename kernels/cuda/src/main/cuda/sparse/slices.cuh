// How a product is cut: 32 rows of W are a block, and a run of its columns is a slice. Slices
// depend on W only, and their sums are added in their order, so neither the number of rows of x nor
// the launch changes a bit. With few rows of x every warp takes one slice, and the last warp of a
// block to arrive adds; with many a warp takes all slices of a block, one after the other.
#pragma once

#include "common/vector.cuh"
#include "sparse/pieces.cuh"

constexpr int WARPS = 4;

// Blocks of a multiprocessor at least: as many as leave enough registers.
constexpr int resident(int rows) { return rows == 2 ? 4 : rows == 8 ? 3 : 2; }

struct Product {
  const float *x;
  float *y;
  int rows;
  int outputs;
  int inputs;
  int whole;         // whether a warp takes a block
  float *partial;    // [rows of x / ROWS][slice][ROWS][32], unless whole
  unsigned *arrived; // [rows of x / ROWS][block], zero between launches
};

// The slices [from, to) of a block; those of the block begin at first, and there are count of them.
struct Slices {
  int block;
  int from;
  int to;
  int first;
  int count;
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

template <int ROWS, typename Weights>
__device__ void finish(const Product &p, const Weights &weights, const Slices &slices, int chunk,
                       int lane, const Outputs<ROWS> &outputs) {
  int firstRow = chunk * ROWS;
  int rows = min(p.rows - firstRow, ROWS);
  int firstOutput = slices.block * BLOCK_ROWS;
  if (slices.to - slices.from == slices.count) {
#pragma unroll
    for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
      int m = Outputs<ROWS>::input(i, lane);
      int n = firstOutput + Outputs<ROWS>::output(i, lane);
      if (m < rows && n < p.outputs) {
        store(p, weights, firstRow + m, n, outputs.value[i]);
      }
    }
    return;
  }
  constexpr int PART = ROWS * BLOCK_ROWS;
  float *parts = p.partial + ((long long)chunk * weights.all_slices() + slices.first) * PART;
  float *own = parts + (long long)(slices.from - slices.first) * PART;
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
    int blocks = (p.outputs + BLOCK_ROWS - 1) / BLOCK_ROWS;
    __threadfence();
    before = atomicInc(p.arrived + (long long)chunk * blocks + slices.block, slices.count - 1);
    __threadfence();
  }
  __syncwarp();
  before = __shfl_sync(0xffffffffu, before, 0);
  if (before != slices.count - 1) {
    return;
  }
  for (int m = 0; m < rows; m++) {
    float sum = 0;
    for (int slice = 0; slice < slices.count; slice++) {
      sum += __ldcg(parts + (long long)slice * PART + m * BLOCK_ROWS + lane);
    }
    if (firstOutput + lane < p.outputs) {
      store(p, weights, firstRow + m, firstOutput + lane, sum);
    }
  }
}

template <int ROWS, typename Weights>
__device__ void product(const Product &p, Weights &weights) {
  int lane = threadIdx.x % 32;
  int unit = blockIdx.x * WARPS + threadIdx.x / 32;
  Slices slices;
  if (!weights.find(unit, p.whole, slices)) {
    return; // a whole warp
  }
  for (int chunk = blockIdx.y; chunk * (long long)ROWS < p.rows; chunk += gridDim.y) {
    int rows = min(p.rows - chunk * ROWS, ROWS);
    bool wide = (reinterpret_cast<unsigned long long>(p.x) & 15) == 0 && p.inputs % 4 == 0;
    Inputs<ROWS> inputs(p.x, chunk * ROWS, rows, p.inputs, wide, lane);
    Outputs<ROWS> outputs;
    for (int slice = slices.from; slice < slices.to; slice++) {
      Sums<ROWS> sums;
      clear<ROWS>(sums);
      weights.template add<ROWS>(slices.block, slice, inputs, lane, sums);
      outputs.add(sums);
    }
    finish<ROWS>(p, weights, slices, chunk, lane, outputs);
  }
}
