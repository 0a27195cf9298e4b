// The states of rows with several chunks, which paged_decode.cuh leaves, become one: a warp merges
// those of one query head, in the order of the chunks.

#include "attention/pages.cuh"

struct Merge {
  int row;
  int firstItem;
  int chunks;
};

extern "C" __global__ void __launch_bounds__(128)
    paged_decode_merge(const Merge *merges, const float *stateOut, const float *stateLse,
                       float *out, float *lse, int group, int headDim) {
  int lane = threadIdx.x;
  int head = blockIdx.y * blockDim.y + threadIdx.y;
  if (head >= group) {
    return;
  }
  Merge merge = merges[blockIdx.x];
  const float *states = stateLse + (long long)merge.firstItem * group + head;
  float most = -INFINITY;
  for (int chunk = lane; chunk < merge.chunks; chunk += 32) {
    most = fmaxf(most, states[(long long)chunk * group]);
  }
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    most = fmaxf(most, __shfl_xor_sync(WARP, most, lanes));
  }
  long long to = (long long)merge.row * group + head;
  for (int dim = 4 * lane; dim < headDim; dim += 128) {
    const float *from = stateOut + ((long long)merge.firstItem * group + head) * headDim + dim;
    float sum = 0;
    Floats<4> four = {};
    for (int chunk = 0; chunk < merge.chunks; chunk++) {
      float share = weight(states[(long long)chunk * group], most);
      Floats<4> add = load4(from + (long long)chunk * group * headDim);
      sum += share;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        four.value[j] = fmaf(share, add.value[j], four.value[j]);
      }
    }
    float factor = sum == 0 ? 0 : 1 / sum;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      four.value[j] *= factor;
    }
    store4(out + to * headDim + dim, four);
    if (dim == 0 && lse != nullptr) {
      lse[to] = most + logf(sum);
    }
  }
}
