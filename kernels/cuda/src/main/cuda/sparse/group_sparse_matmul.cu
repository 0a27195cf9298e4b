// y[m,n] = sum over kept groups t of row n of s[t] (sum over u of (q[t,u] - z[t]) x[m, G c[t] + u])
//
// Groups that are left out take no memory; in a tile that has others they are multiplied as zeros.

#include "sparse/groups.cuh"

GROUP_MATMULS(group_sparse_matmul, true)
