// What kernels call: printf, assert, functions, jump tables, the grid's barrier; and a mixed load.
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

// Cases that are too different to be computed side by side: a jump table.
extern "C" __global__ void dispatch(const int* x, int* out) {
  int i = threadIdx.x;
  switch (x[i]) {
    case 0: atomicAdd(out + i, 7); break;
    case 1: atomicMax(out + i, 11); break;
    case 2: atomicOr(out + i, 5); break;
    case 3: atomicXor(out + i, -1); break;
    case 4: atomicExch(out + i, 4 * i); break;
    case 5: atomicSub(out + i, 3); break;
    case 6: atomicMin(out + i, -6); break;
    case 7: out[i] = out[i ^ 1 ^ 1] / 2; break;
    default: out[i] = -i;
  }
}

__device__ __noinline__ int fibonacci(int n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

// Each frame has a variable that the next one writes.
__device__ __noinline__ void collect(int n, int* sum) {
  int mine = n;
  if (n > 0) collect(n - 1, &mine);
  *sum += mine;
}

extern "C" __global__ void recurse(const int* x, int* out) {
  int i = threadIdx.x, sum = 1000;
  collect(x[i], &sum);
  out[2 * i] = fibonacci(x[i]);
  out[2 * i + 1] = sum;
}

__device__ __noinline__ int endless(int n) { return n + endless(n + 1) * 3; }

extern "C" __global__ void overflow(int* out) { *out = endless(1); }

typedef int (*Operation)(int, int);
__device__ __noinline__ int plus(int a, int b) { return a + b; }
__device__ __noinline__ int minus(int a, int b) { return a - b; }
__device__ __noinline__ int times(int a, int b) { return a * b; }
__device__ Operation operations[] = {plus, minus, times};

extern "C" __global__ void call_by_pointer(const int* x, int* out) {
  int i = threadIdx.x;
  out[i] = operations[i % 3](x[i], i);
}

struct Shape {
  __device__ virtual int area(int x) const = 0;
};
struct Square : Shape {
  __device__ __noinline__ int area(int x) const override { return x * x; }
};
struct Strip : Shape {
  int width;
  __device__ __noinline__ int area(int x) const override { return width * x; }
};

extern "C" __global__ void call_virtual(const int* x, int* out) {
  int i = threadIdx.x;
  Square square;
  Strip strip;
  strip.width = i;
  const Shape* shape = x[i] & 1 ? (const Shape*)&square : &strip;
  out[i] = shape->area(x[i]);
}

// Some of everything: what a test of many launches runs.
extern "C" __global__ void __launch_bounds__(256) mixed(const float* x, float* out, int rounds) {
  __shared__ float s[256];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  unsigned hash = i * 2654435761u;
  float v = x[i];
  for (int r = 0; r < rounds; r++) {
    hash = (hash ^ hash >> 13) * 1274126177u + r;
    s[t] = v * 0.5f + (hash & 255) * 0.0078125f;
    __syncthreads();
    float other = s[(t + (hash & 63)) & 255];
    if (hash & 64) v = fmaf(v, 0.75f, other);
    else v -= other * 0.25f;
    out[i] = v + x[(i + r) & 255];
    __syncthreads();
  }
}
