// Scores as unsigned numbers in the order in which slots are preferred.
#pragma once

// NaN has the lowest key, and -0 that of +0.
__device__ inline unsigned score_key(float score) {
  if (isnan(score)) {
    return 0;
  }
  int bits = __float_as_int(score + 0.f);
  return bits ^ (bits >> 31 | 0x80000000);
}
