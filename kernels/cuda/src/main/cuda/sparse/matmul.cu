// y[m,n] = sum over k of x[m,k] W[n,k], W in F32, F16 or BF16.

#include "sparse/dense.cuh"
#include "sparse/product.cuh"

MATRIX_PRODUCTS(matmul_f32, DenseWeights<float>)
MATRIX_PRODUCTS(matmul_f16, DenseWeights<__half>)
MATRIX_PRODUCTS(matmul_bf16, DenseWeights<__nv_bfloat16>)
