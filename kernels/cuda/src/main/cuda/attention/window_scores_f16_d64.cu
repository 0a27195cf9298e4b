#include "attention/window_scores.cuh"

WINDOW_SCORES(window_scores_f16_d64, __half, 64)
