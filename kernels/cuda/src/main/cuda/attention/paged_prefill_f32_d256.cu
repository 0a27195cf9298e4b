#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_f32_d256, float, 256, false)
