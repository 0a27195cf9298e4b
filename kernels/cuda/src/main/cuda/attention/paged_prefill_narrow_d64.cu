#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_narrow_d64, __nv_bfloat16, 64, false)
