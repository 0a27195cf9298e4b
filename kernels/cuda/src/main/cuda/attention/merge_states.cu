// out[t,h,:] = sum_s w_s outs[s,t,h,:] / sum_s w_s, lse[t,h] = m + ln(sum_s w_s),
// w_s = exp(lses[s,t,h] - m), m = max_s lses[s,t,h]
//
// A thread has four elements of one head, so that a warp's accesses lie side by side whatever the
// head dimension; the threads of a head find the same weights.

#include "attention/pages.cuh"

extern "C" __global__ void __launch_bounds__(256)
    merge_states(const float *outs, const float *lses, float *out, float *lse, int states,
                 int heads, int headDim) {
  int quads = headDim / 4;
  long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  int head = (int)(index / quads);
  int dim = 4 * (int)(index % quads);
  if (index >= (long long)heads * quads) {
    return;
  }
  float most = -INFINITY;
  for (int state = 0; state < states; state++) {
    most = fmaxf(most, lses[(long long)state * heads + head]);
  }
  float total = 0;
  Floats<4> sum = {};
  for (int state = 0; state < states; state++) {
    long long row = (long long)state * heads + head;
    float log = lses[row];
    if (log == -INFINITY) {
      continue; // no keys: what is in its row is not looked at
    }
    float share = expf(log - most);
    total += share;
    Floats<4> add = load4(outs + row * headDim + dim);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      sum.value[i] = fmaf(share, add.value[i], sum.value[i]);
    }
  }
  float factor = total == 0 ? 0 : 1 / total;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    sum.value[i] *= factor;
  }
  store4(out + (long long)head * headDim + dim, sum);
  if (dim == 0 && lse != nullptr) {
    lse[head] = most + logf(total);
  }
}
