// y[m,n] = sum over groups t of s[n,t] (sum over u of (q[n,t,u] - z[n,t]) x[m, G t + u])

#include "sparse/groups.cuh"
#include "sparse/product.cuh"

GROUP_PRODUCTS(quant_matmul, false)

// x rounded to 8-bit codes.
MATRIX_PRODUCTS(quant_matmul_w4_g8_rounded, GroupWeights<4, 8, false, true>)
MATRIX_PRODUCTS(quant_matmul_w4_rounded, GroupWeights<4, 16, false, true>)

// scale[m,t] = max |x| / 127 over group t, code = rint(x / scale); groupSize / 4 threads share a
// group. Codes are written as floats. A group with something that is not finite gets a scale that
// is not a number and makes the row of y so.
extern "C" __global__ void __launch_bounds__(256)
    quant_matmul_round(const float *x, float *codes, float *scales, int rows, int inputs,
                       int groups, int groupSize) {
  int sharing = groupSize / 4;
  long long at = ((long long)blockIdx.x * blockDim.x + threadIdx.x) / sharing;
  int part = threadIdx.x % sharing;
  bool inside = at < (long long)rows * groups;
  long long row = inside ? at / groups : 0;
  int k = (int)(at % groups) * groupSize + 4 * part;
  const float *from = x + row * inputs;
  float value[4];
  float most = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    value[i] = inside && k + i < inputs ? from[k + i] : 0.f;
    // A NaN becomes an infinity, which no maximum hides.
    most = fmaxf(most, isfinite(value[i]) ? fabsf(value[i]) : INFINITY);
  }
  for (int lanes = sharing / 2; lanes > 0; lanes /= 2) {
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, lanes));
  }
  float scale = most / 127;
  bool finite = isfinite(scale);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (inside && k + i < inputs) {
      float code = scale == 0 || !finite ? 0.f : rintf(value[i] / scale);
      codes[row * inputs + k + i] = fminf(fmaxf(code, -127.f), 127.f);
    }
  }
  if (inside && part == 0) {
    scales[at] = finite ? scale : NAN;
  }
}
