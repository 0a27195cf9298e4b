#include "attention/paged_prefill.cuh"

PAGED_PREFILL(paged_prefill_f32_d128, float, 128, false)
