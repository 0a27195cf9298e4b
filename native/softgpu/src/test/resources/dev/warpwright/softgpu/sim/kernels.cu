// Good kernels for the simulator's tests. The PTX beside it is what nvcc 13.0 makes of it: the build leaves it in target/cuda/ptx.
#include <cuda_fp16.h>
#include <cstdint>

#define FULL 0xffffffffu

// Sum of a block's 256 elements by a tree in shared memory.
extern "C" __global__ void __launch_bounds__(256) tree_reduce(const float* x, float* out, int n) {
  __shared__ float s[256];
  int t = threadIdx.x;
  float sum = 0.f;
  for (int i = blockIdx.x * 256 + t; i < n; i += gridDim.x * 256) sum += x[i];
  s[t] = sum;
  __syncthreads();
  for (int o = 128; o > 0; o >>= 1) {
    if (t < o) s[t] += s[t + o];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = s[0];
}

// Sum of a block by shuffles; one partial sum a warp goes through shared memory.
extern "C" __global__ void __launch_bounds__(128) warp_reduce(const float* x, float* out, int n) {
  __shared__ float part[4];
  int i = blockIdx.x * 128 + threadIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  float v = i < n ? x[i] : 0.f;
  for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(FULL, v, o);
  if (lane == 0) part[warp] = v;
  __syncthreads();
  if (warp == 0) {
    v = lane < 4 ? part[lane] : 0.f;
    for (int o = 2; o > 0; o >>= 1) v += __shfl_down_sync(FULL, v, o);
    if (lane == 0) out[blockIdx.x] = v;
  }
}

__device__ __forceinline__ void copy4(float* to, const float* from, bool have) {
  unsigned a = (unsigned)__cvta_generic_to_shared(to);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(a), "l"(from), "r"(have ? 4 : 0));
}

// C = A B, 16x16 tiles, double buffered with cp.async.
extern "C" __global__ void __launch_bounds__(256) tiled_matmul(
    const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float as[2][16][16], bs[2][16][16];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 16 + ty, col = blockIdx.x * 16 + tx;
  int tiles = (k + 15) / 16;
  auto load = [&](int tile, int stage) {
    int ka = tile * 16 + tx, kb = tile * 16 + ty;
    bool ha = row < m && ka < k, hb = kb < k && col < n;
    copy4(&as[stage][ty][tx], ha ? a + row * k + ka : a, ha);
    copy4(&bs[stage][ty][tx], hb ? b + kb * n + col : b, hb);
  };
  load(0, 0);
  asm volatile("cp.async.commit_group;");
  float sum = 0.f;
  for (int tile = 0; tile < tiles; tile++) {
    if (tile + 1 < tiles) load(tile + 1, (tile + 1) & 1);
    asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_group 1;");
    __syncthreads();
    for (int i = 0; i < 16; i++) sum += as[tile & 1][ty][i] * bs[tile & 1][i][tx];
    __syncthreads();
  }
  if (row < m && col < n) c[row * n + col] = sum;
}

// 16x8 tile of C = A B^T a warp by mma and ldmatrix; A is 16 x k, B is 8 x k, k a multiple of 16.
extern "C" __global__ void __launch_bounds__(32) mma_gemm(
    const __half* a, const __half* b, float* c, int k) {
  __shared__ __align__(16) __half as[16 * 16], bs[8 * 16];
  int lane = threadIdx.x;
  float acc[4] = {};
  for (int at = 0; at < k; at += 16) {
    *(uint4*)(as + lane * 8) = *(const uint4*)(a + (lane >> 1) * k + at + (lane & 1) * 8);
    if (lane < 16)
      *(uint4*)(bs + lane * 8) = *(const uint4*)(b + (lane >> 1) * k + at + (lane & 1) * 8);
    __syncwarp();
    unsigned ra[4], rb[2];
    unsigned pa = (unsigned)__cvta_generic_to_shared(as + (lane & 15) * 16 + (lane >> 4) * 8);
    unsigned pb = (unsigned)__cvta_generic_to_shared(bs + (lane & 7) * 16 + ((lane >> 3) & 1) * 8);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(ra[0]), "=r"(ra[1]), "=r"(ra[2]), "=r"(ra[3]) : "r"(pa));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(rb[0]), "=r"(rb[1]) : "r"(pb));
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3])
        : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]));
    __syncwarp();
  }
  int row = lane >> 2, col = (lane & 3) * 2;
  c[row * 8 + col] = acc[0];
  c[row * 8 + col + 1] = acc[1];
  c[(row + 8) * 8 + col] = acc[2];
  c[(row + 8) * 8 + col + 1] = acc[3];
}

// 64 bins: shared atomics, then one global atomic a bin and block.
extern "C" __global__ void __launch_bounds__(128) histogram(const int* x, unsigned* bins, int n) {
  __shared__ unsigned h[64];
  if (threadIdx.x < 64) h[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * 128 + threadIdx.x; i < n; i += gridDim.x * 128)
    atomicAdd(&h[x[i] & 63], 1u);
  __syncthreads();
  if (threadIdx.x < 64) atomicAdd(&bins[threadIdx.x], h[threadIdx.x]);
}

// Steps of the Collatz sequence: loops of different length in one warp, early exit.
extern "C" __global__ void collatz(const int* x, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int v = x[i], steps = 0;
  while (v != 1 && steps < 1000) {
    v = (v & 1) ? 3 * v + 1 : v >> 1;
    steps++;
  }
  out[i] = steps;
}

// Inclusive scan of a block of 128 elements (Hillis and Steele, two buffers).
extern "C" __global__ void __launch_bounds__(128) scan(const int* x, int* out) {
  __shared__ int s[2][128];
  int t = threadIdx.x, from = 0;
  s[0][t] = x[blockIdx.x * 128 + t];
  __syncthreads();
  for (int o = 1; o < 128; o <<= 1) {
    s[1 - from][t] = t >= o ? s[from][t] + s[from][t - o] : s[from][t];
    from = 1 - from;
    __syncthreads();
  }
  out[blockIdx.x * 128 + t] = s[from][t];
}

// Sum over all blocks: the last block to finish adds up what the others left.
extern "C" __global__ void __launch_bounds__(64) last_block(
    const int* x, int* partial, unsigned* done, int* out) {
  __shared__ int s[64];
  __shared__ bool last;
  int t = threadIdx.x;
  s[t] = x[blockIdx.x * 64 + t];
  __syncthreads();
  if (t == 0) {
    int sum = 0;
    for (int i = 0; i < 64; i++) sum += s[i];
    partial[blockIdx.x] = sum;
    __threadfence();
    last = atomicAdd(done, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && t == 0) {
    __threadfence();
    int sum = 0;
    for (int i = 0; i < gridDim.x; i++) sum += partial[i];
    *out = sum;
  }
}

// Reverses 32 elements a warp through shared memory, with warp barriers only.
extern "C" __global__ void __launch_bounds__(64) warp_exchange(const int* x, int* out) {
  __shared__ int s[64];
  int t = threadIdx.x, lane = t & 31, base = t & 32;
  s[t] = x[blockIdx.x * 64 + t];
  __syncwarp();
  int v = s[base + 31 - lane];
  __syncwarp();
  s[t] = v * 2;
  __syncwarp();
  out[blockIdx.x * 64 + t] = s[base + (lane ^ 1)];
}

// Halves of a warp work on their own, with masks of 16 lanes.
extern "C" __global__ void __launch_bounds__(32) half_warps(const int* x, int* out) {
  __shared__ int s[32];
  int t = threadIdx.x;
  unsigned half = t < 16 ? 0xffffu : 0xffff0000u;
  int v = x[t];
  if (t < 16) v += 1; else v *= 3;
  for (int o = 8; o > 0; o >>= 1) v += __shfl_xor_sync(half, v, o, 16);
  s[t] = v + t;
  __syncwarp(half);
  out[t] = s[(t & 16) + ((t + 1) & 15)];
}

// Compacts positive numbers: ballot gives each lane its place.
extern "C" __global__ void __launch_bounds__(128) compact(const int* x, int* out, int* count, int n) {
  int i = blockIdx.x * 128 + threadIdx.x, lane = threadIdx.x & 31;
  bool keep = i < n && x[i] > 0;
  unsigned kept = __ballot_sync(FULL, keep);
  int base = 0;
  if (lane == 0) base = atomicAdd(count, __popc(kept));
  base = __shfl_sync(FULL, base, 0);
  if (keep) out[base + __popc(kept & ((1u << lane) - 1))] = x[i];
}

// Warp 1 produces, warp 0 consumes, ordered by named barriers.
extern "C" __global__ void __launch_bounds__(64) named_barriers(const int* x, int* out, int rounds) {
  __shared__ int s[32];
  int t = threadIdx.x, lane = t & 31;
  for (int r = 0; r < rounds; r++) {
    if (t >= 32) {
      s[lane] = x[r * 32 + lane];
      asm volatile("bar.arrive 1, 64;" ::: "memory");
      asm volatile("bar.sync 2, 64;" ::: "memory");
    } else {
      asm volatile("bar.sync 1, 64;" ::: "memory");
      out[r * 32 + lane] = s[31 - lane];
      asm volatile("bar.arrive 2, 64;" ::: "memory");
    }
  }
}

__constant__ int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
__device__ int counter;

__device__ __noinline__ int mix(int a, int b) { return b > 4 ? a * b + table[b & 7] : a - b; }

// Function calls, constants, local arrays, dynamic shared memory, generic addresses.
extern "C" __global__ void __launch_bounds__(64) features(const int* x, int* out, int n) {
  extern __shared__ int dyn[];
  int t = threadIdx.x, local[8];
  for (int i = 0; i < 8; i++) local[i] = x[(t + i) % n];
  int sum = 0;
  for (int i = 0; i < n; i++) {
    int j = x[i] & 7;
    sum += local[j];
    local[j] = mix(sum, j);
  }
  int* where = (t & 1) ? dyn + t : out + t;
  *where = sum;
  if (__syncthreads_or(sum == 12345)) sum = -1;
  int odd = __syncthreads_count(t & 1);
  if (t & 1) out[t] = dyn[t] + odd;
  if (t == 0) atomicAdd(&counter, odd);
}
