// Groups of elements that are loaded and stored by one instruction.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <int N> struct alignas(4 * N) Floats {
  float value[N];
};

// N elements of a type, widened to float.
template <typename T, int N> struct alignas(sizeof(T) * N) Elements {
  T value[N];
};

__device__ inline float widen(float x) { return x; }
__device__ inline float widen(__half x) { return __half2float(x); }
__device__ inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
