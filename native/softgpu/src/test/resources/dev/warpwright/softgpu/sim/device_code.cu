// What kernels call: printf, assert, functions, jump tables, the grid's barrier.
#include <cassert>
#include <cooperative_groups.h>
#include <cstdio>

namespace cg = cooperative_groups;

__device__ int printed_arguments;

extern "C" __global__ void say(const int* x, float v) {
  int i = threadIdx.x, n = x[i];
  printf("%d: %d|%5d|%05d|%x|%f|%g|%.2e|%s|%llu|%c|100%%\n", i, n, n, n, n, v, v, v, "text",
         12345678901ull, 'z');
  atomicAdd(&printed_arguments, printf("%s", "") + printf("%i%u%hd%ld", 1, 2u, (short)3, 4l));
}

extern "C" __global__ void check(const int* x, int limit) {
  assert(x[threadIdx.x] < limit);
}

extern "C" __global__ void choose(const int* x, int* out) {
  int i = threadIdx.x, r;
  switch (x[i]) {
    case 0: r = i * 7; break;
    case 1: r = i ^ 0x55; break;
    case 2: r = __popc(i) + 3; break;
    case 3: r = i << 3; break;
    case 4: r = 4 - i; break;
    case 5: r = i / 6; break;
    case 6: r = i % 5; break;
    case 7: r = __clz(i); break;
    case 8: r = __brev(i); break;
    case 9: r = i * i * i; break;
    default: r = -1;
  }
  out[i] = r;
}

__device__ int five = 5;
__device__ int* five_at = &five;

__device__ __noinline__ int inner(int v) { return v > 7 ? v * 3 + 1 : v + 11; }
__device__ __noinline__ int outer(int v) { return 2 * inner(v) + *five_at; }

extern "C" __global__ void nested(const int* x, int* out) {
  out[threadIdx.x] = outer(x[threadIdx.x]);
}

extern "C" __global__ void rotate(int* x, int* out) {
  cg::grid_group grid = cg::this_grid();
  int i = grid.thread_rank(), n = grid.size();
  x[i] = i;
  grid.sync();
  out[i] = x[(i + blockDim.x) % n];
  grid.sync();
  x[i] = out[(i + 1) % n];
}

extern "C" __global__ void rotate_unordered(int* x, int* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  x[i] = i;
  __syncthreads();
  out[i] = x[(i + blockDim.x) % n];
}
