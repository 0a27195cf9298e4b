#include "attention/window_scores.cuh"

WINDOW_SCORES(window_scores_f16_d128, __half, 128)
