// y[t] = sum over j of weights[t,j] * h[slots[t,j]], j ascending. A thread owns WIDTH columns of a
// token.

#include "common/guard.cuh"
#include "common/vector.cuh"

namespace {

template <int WIDTH>
__device__ void combine(const float *h, const int *slots, const float *weights, float *y, int rows,
                        int top, int columns, Complaint *complaint, int kernel) {
  long long token = blockIdx.x;
  const int *places = slots + token * top;
  const float *factors = weights + token * top;
  long long step = (long long)gridDim.y * blockDim.x * WIDTH;
  for (long long column = ((long long)blockIdx.y * blockDim.x + threadIdx.x) * WIDTH;
       column < columns; column += step) {
    Floats<WIDTH> sum = {};
    for (int j = 0; j < top; j++) {
      int slot = places[j];
      if (slot < 0 || slot >= rows) {
        if (slot != -1 && column == 0) {
          complain(complaint, kernel, 0, token * top + j, slot);
        }
        continue;
      }
      Floats<WIDTH> row =
          *reinterpret_cast<const Floats<WIDTH> *>(h + (long long)slot * columns + column);
      float factor = factors[j];
#pragma unroll
      for (int i = 0; i < WIDTH; i++) {
        sum.value[i] = fmaf(factor, row.value[i], sum.value[i]);
      }
    }
    *reinterpret_cast<Floats<WIDTH> *>(y + token * columns + column) = sum;
  }
}

} // namespace

#define COMBINE(NAME, WIDTH)                                                                       \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(const float *h, const int *slots, const float *weights, float *y, int rows, int top,    \
           int columns, Complaint *complaint, int kernel) {                                        \
    combine<WIDTH>(h, slots, weights, y, rows, top, columns, complaint, kernel);                   \
  }

COMBINE(combine_vector, 4)
COMBINE(combine_scalar, 1)
