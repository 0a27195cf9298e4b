// y[m,n] = sum over kept groups t of row n of s[t] (sum over u of (q[t,u] - z[t]) x[m, G c[t] + u])
//
// Groups that are left out take no memory; in a tile that has others they are multiplied as zeros.

#include "sparse/groups.cuh"
#include "sparse/product.cuh"

GROUP_PRODUCTS(group_sparse_matmul, true)
