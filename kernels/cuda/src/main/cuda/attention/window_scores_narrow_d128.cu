#include "attention/window_scores.cuh"

WINDOW_SCORES(window_scores_narrow_d128, __nv_bfloat16, 128)
