#include "attention/paged_decode.cuh"

PAGED_DECODE_GROUPS(paged_decode_narrow_d128, __nv_bfloat16, 128)
