#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_narrow_d256, __nv_bfloat16, 256, false)
