#include "attention/window_scores.cuh"

WINDOW_SCORES(window_scores_narrow_d256, __nv_bfloat16, 256)
