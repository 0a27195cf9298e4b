// Products with at most two rows of x: a warp takes a slice of a block, and waits for nobody else.
#pragma once

#include "sparse/slices.cuh"

// Sums of a block over the slices [from, to) of its panel: one slice, or all.
template <typename Weights>
__device__ Outputs<2> narrow_sums(const Weights &weights, const PanelSlices &slices, int block,
                                  int from, int to, const DirectInputs &inputs, int lane) {
  Outputs<2> share;
  Outputs<2> total;
  int shares = 0;
  for (int slice = from; slice < to; slice++) {
    Sums<2> sums;
    clear<2>(sums);
    weights.add(block, slices.first + slice, inputs, lane, sums);
    share.add(sums);
    if (slice + 1 == slices.share(shares + 1)) {
      share.move_to(total);
      shares++;
    }
  }
  share.move_to(total); // of a single slice
  return total;
}

template <typename Weights>
__device__ void narrow_product(const Product &p, const Weights &weights) {
  int lane = threadIdx.x % 32;
  int2 unit = p.whole ? make_int2(blockIdx.x, 0) : weights.slice_unit(blockIdx.x);
  int block = unit.x * PANEL_BLOCKS + threadIdx.x / 32;
  if (block >= blocks_of(p.outputs)) {
    return; // a whole warp
  }
  PanelSlices slices = weights.slices(unit.x);
  int to = p.whole ? slices.count : unit.y + 1;
  Outputs<2> sums =
      narrow_sums(weights, slices, block, unit.y, to, DirectInputs(p.x, lane), lane);
  if (p.whole) {
    store_all<2>(p, weights, block, 0, lane, sums);
  } else {
    deliver<2, true>(p, weights, slices, block, 0, unit.y, lane, sums);
  }
}
