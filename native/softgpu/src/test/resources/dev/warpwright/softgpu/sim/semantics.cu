// Every function of semantics.cuh on the device, one thread a value.
#include "semantics.cuh"

extern "C" __global__ void semantics(
    int operation, const u64* a, const u64* b, const u64* c, u64* result, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u64 x = a[i], y = b[i], z = c[i], r = 0;
  switch (operation) {
#define X(name, mode, value) \
  case op_##name: r = value_##name(x, y, z); break;
    OPERATIONS(X)
#undef X
  }
  result[i] = r;
}
