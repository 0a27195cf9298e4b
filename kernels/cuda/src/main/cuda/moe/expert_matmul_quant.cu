// expert_matmul with codes.

#include "moe/experts.cuh"
#include "sparse/groups.cuh"

GROUP_EXPERTS(expert_matmul_quant, false)
