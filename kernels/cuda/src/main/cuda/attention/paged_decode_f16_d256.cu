#include "attention/paged_decode.cuh"

PAGED_DECODE_GROUPS(paged_decode_f16_d256, __half, 256)
