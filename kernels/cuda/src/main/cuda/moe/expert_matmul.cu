// y[slot] = act(gate_e x_slot) * (up_e x_slot) for the slots of each expert e, the matrices in F32,
// F16 or BF16.

#include "moe/experts.cuh"
#include "sparse/dense.cuh"

EXPERT_KERNELS(expert_matmul_f32, DenseWeights<float>)
EXPERT_KERNELS(expert_matmul_f16, DenseWeights<__half>)
EXPERT_KERNELS(expert_matmul_bf16, DenseWeights<__nv_bfloat16>)
