// Products with at most two rows of x: a warp takes a slice of a block, and waits for nobody else.
#pragma once

#include "sparse/slices.cuh"

constexpr int NARROW_WARPS = PANEL_BLOCKS;

template <typename Weights> __device__ void narrow_product(const Product &p, Weights &weights) {
  int lane = threadIdx.x % 32;
  int2 unit = p.whole ? make_int2(blockIdx.x, 0) : weights.slice_unit(blockIdx.x);
  int block = unit.x * PANEL_BLOCKS + threadIdx.x / 32;
  if (block >= p.blocks()) {
    return; // a whole warp
  }
  PanelSlices slices = weights.slices(unit.x);
  int to = p.whole ? slices.count : unit.y + 1;
  DirectInputs inputs(p.x, 0, p.rows, p.inputs, p.wide(), lane);
  Outputs<2> share;
  Outputs<2> total;
  int shares = 0;
  for (int slice = unit.y; slice < to; slice++) {
    Sums<2> sums;
    clear<2>(sums);
    weights.add(block, slices.first + slice, inputs, lane, sums);
    share.add(sums);
    if (p.whole && slice + 1 == slices.share(shares + 1)) {
      share.move_to(total);
      shares++;
    }
  }
  if (p.whole) {
    store_all<2>(p, weights, block, 0, lane, total);
  } else {
    deliver<2, true>(p, weights, slices, block, 0, unit.y, slices.count, lane, share);
  }
}
