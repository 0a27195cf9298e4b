#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_f16_d256, __half, 256, false)
