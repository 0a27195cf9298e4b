// y[m,n] = sum over groups t of s[n,t] (sum over u of (q[n,t,u] - z[n,t]) x[m, G t + u])

#include "sparse/groups.cuh"

GROUP_MATMULS(quant_matmul, false, 2)
GROUP_MATMULS(quant_matmul, false, 8)
GROUP_MATMULS(quant_matmul, false, 16)
