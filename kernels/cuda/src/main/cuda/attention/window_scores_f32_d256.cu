#include "attention/window_scores.cuh"

WINDOW_SCORES(window_scores_f32_d256, float, 256)
