#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_f16_d64, __half, 64, false)
