// Kernels of a product with one matrix: for 2 rows of x, for 8, and for any number.
#pragma once

#include "sparse/narrow.cuh"
#include "sparse/panel.cuh"

template <int ROWS, typename Weights>
__device__ void product(const Product &p, const Weights &weights, unsigned char *shared) {
  if constexpr (ROWS == 2) {
    narrow_product(p, weights);
  } else {
    panel_product<ROWS>(p, weights, shared);
  }
}

// Weights come last, because they have commas.
#define MATRIX_PRODUCT(NAME, ROWS, THREADS, RESIDENT, ...)                                         \
  extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)                                  \
      NAME##_##ROWS(const float *x, float *y, int rows, int outputs, int inputs, int whole,        \
                    float *partial, unsigned *arrived, const float *xScales,                       \
                    const __VA_ARGS__::Matrix matrix, const __VA_ARGS__::Shape shape) {            \
    extern __shared__ uint4 shared[];                                                              \
    auto *bytes = reinterpret_cast<unsigned char *>(shared);                                       \
    product<ROWS>(Product{{x, rows, inputs}, y, outputs, whole, partial, arrived},                 \
                  __VA_ARGS__(matrix, shape, bytes, xScales), bytes);                              \
  }

#define MATRIX_PRODUCTS(NAME, ...)                                                                 \
  MATRIX_PRODUCT(NAME, 2, 128, 4, __VA_ARGS__)                                                     \
  MATRIX_PRODUCT(NAME, 8, 128, 3, __VA_ARGS__)                                                     \
  MATRIX_PRODUCT(NAME, 16, 256, 1, __VA_ARGS__)

#define GROUP_PRODUCTS(NAME, SPARSE)                                                               \
  MATRIX_PRODUCTS(NAME##_w8_g8, GroupWeights<8, 8, SPARSE, false>)                                 \
  MATRIX_PRODUCTS(NAME##_w4_g8, GroupWeights<4, 8, SPARSE, false>)                                 \
  MATRIX_PRODUCTS(NAME##_w2_g8, GroupWeights<2, 8, SPARSE, false>)                                 \
  MATRIX_PRODUCTS(NAME##_w8, GroupWeights<8, 16, SPARSE, false>)                                   \
  MATRIX_PRODUCTS(NAME##_w4, GroupWeights<4, 16, SPARSE, false>)                                   \
  MATRIX_PRODUCTS(NAME##_w2, GroupWeights<2, 16, SPARSE, false>)
