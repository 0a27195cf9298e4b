// Vectors of any element type, each with a scale: 1 where elements stand for themselves.
#pragma once

#include "attention/elements.cuh"
#include "attention/pages.cuh"

// A scale of those of the key and of the value of each slot.
template <typename T> __device__ float scale_at(const float *scales, long long at, int which) {
  if constexpr (CODED<T>) {
    return scales[2 * at + which];
  }
  return 1;
}

// The scale of a vector, whose parts the lanes of a warp have, from the largest magnitudes of these.
template <typename T> __device__ float scale_of_warp(unsigned most) {
  if constexpr (CODED<T>) {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      most = max(most, __shfl_xor_sync(WARP, most, lanes));
    }
    return scale_of<T>(most);
  }
  return 1;
}

// Rounds an element of a vector with this scale.
template <typename T> __device__ void round_to(float x, float scale, T *to) {
  if constexpr (CODED<T>) {
    to->bits = code_of<T>(x, scale);
  } else {
    narrow(x, to);
  }
}
