#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_narrow_d128, __nv_bfloat16, 128, false)
