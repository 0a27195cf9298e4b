// expert_matmul with codes, groups of which are left out.

#include "moe/experts.cuh"
#include "sparse/groups.cuh"

GROUP_EXPERTS(expert_matmul_sparse, true)
