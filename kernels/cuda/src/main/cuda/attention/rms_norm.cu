// y[t,c] = x[t,c] / sqrt(mean_c(x[t,c]^2) + epsilon) * weight[c]
//
// blockDim.x threads share a row (blockDim.y rows a block); each keeps its part of x in registers,
// so that a row of up to KEPT * blockDim.x elements is read once.

#include "common/vector.cuh"

namespace {

constexpr int KEPT = 16;

// Float squares of other sums have lost digits, or everything.
constexpr double LEAST = 0x1p-80;
constexpr double MOST = 0x1p120;

// Sum over the threads of a row, in an order that depends on blockDim only.
__device__ double row_sum(double value, double *parts) {
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, lanes);
  }
  int warps = blockDim.x / 32;
  if (warps == 1) {
    return value;
  }
  if (threadIdx.x % 32 == 0) {
    parts[threadIdx.x / 32] = value;
  }
  __syncthreads();
  double sum = 0;
  for (int warp = 0; warp < warps; warp++) {
    sum += parts[warp];
  }
  __syncthreads();
  return sum;
}

template <int WIDTH>
__device__ void rms_norm(const float *x, const float *weight, float *y, int rows, int columns,
                         float epsilon) {
  __shared__ double parts[32];
  using Vector = Floats<WIDTH>;
  constexpr int VECTORS = KEPT / WIDTH;
  long long row = (long long)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows) {
    return; // a whole warp: blockDim.x is a multiple of 32, and 32 where rows share a block
  }
  const Vector *from = reinterpret_cast<const Vector *>(x + row * columns);
  const Vector *factors = reinterpret_cast<const Vector *>(weight);
  Vector *to = reinterpret_cast<Vector *>(y + row * columns);
  int vectors = columns / WIDTH;
  int kept = VECTORS * blockDim.x;

  Vector mine[VECTORS];
  float first = 0;
#pragma unroll
  for (int i = 0; i < VECTORS; i++) {
    int at = threadIdx.x + i * blockDim.x;
    if (at < vectors) {
      mine[i] = from[at];
#pragma unroll
      for (int j = 0; j < WIDTH; j++) {
        first = fmaf(mine[i].value[j], mine[i].value[j], first);
      }
    }
  }
  double squares = first;
  for (int at = threadIdx.x + kept; at < vectors; at += blockDim.x) {
    Vector next = from[at];
    float part = 0;
#pragma unroll
    for (int j = 0; j < WIDTH; j++) {
      part = fmaf(next.value[j], next.value[j], part);
    }
    squares += part;
  }
  squares = row_sum(squares, parts);
  bool exact = !(squares > LEAST && squares < MOST);
  if (exact) {
    squares = 0;
    for (int at = threadIdx.x; at < vectors; at += blockDim.x) {
      Vector again = from[at];
#pragma unroll
      for (int j = 0; j < WIDTH; j++) {
        squares = fma((double)again.value[j], (double)again.value[j], squares);
      }
    }
    squares = row_sum(squares, parts);
  }
  double scale = 1 / sqrt(squares / columns + epsilon);
  if (exact) {
    for (int at = threadIdx.x; at < vectors; at += blockDim.x) {
      Vector in = from[at];
      Vector factor = factors[at];
#pragma unroll
      for (int j = 0; j < WIDTH; j++) {
        in.value[j] = (float)(in.value[j] * scale * factor.value[j]);
      }
      to[at] = in;
    }
    return;
  }
  float multiplier = (float)scale;
#pragma unroll
  for (int i = 0; i < VECTORS; i++) {
    int at = threadIdx.x + i * blockDim.x;
    if (at < vectors) {
      Vector factor = factors[at];
#pragma unroll
      for (int j = 0; j < WIDTH; j++) {
        factor.value[j] *= mine[i].value[j] * multiplier;
      }
      to[at] = factor;
    }
  }
  for (int at = threadIdx.x + kept; at < vectors; at += blockDim.x) {
    Vector in = from[at];
    Vector factor = factors[at];
#pragma unroll
    for (int j = 0; j < WIDTH; j++) {
      factor.value[j] *= in.value[j] * multiplier;
    }
    to[at] = factor;
  }
}

} // namespace

extern "C" __global__ void __launch_bounds__(1024)
    rms_norm_vector(const float *x, const float *weight, float *y, int rows, int columns,
                    float epsilon) {
  rms_norm<4>(x, weight, y, rows, columns, epsilon);
}

// Rows that do not start at multiples of 16 bytes.
extern "C" __global__ void __launch_bounds__(1024)
    rms_norm_scalar(const float *x, const float *weight, float *y, int rows, int columns,
                    float epsilon) {
  rms_norm<1>(x, weight, y, rows, columns, epsilon);
}
