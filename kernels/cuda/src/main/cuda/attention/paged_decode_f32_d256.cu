#include "attention/paged_decode.cuh"

PAGED_DECODE_GROUPS(paged_decode_f32_d256, float, 256)
