#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_f32_d64, float, 64, false)
