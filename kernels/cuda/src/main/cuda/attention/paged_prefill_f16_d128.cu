#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_f16_d128, __half, 128, false)
