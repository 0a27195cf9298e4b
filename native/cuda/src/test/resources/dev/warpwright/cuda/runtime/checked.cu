#include <cassert>

// Copies what is below a limit.
extern "C" __global__ void checked(int *y, const int *x, int limit) {
  assert(x[threadIdx.x] < limit);
  y[threadIdx.x] = x[threadIdx.x];
}
