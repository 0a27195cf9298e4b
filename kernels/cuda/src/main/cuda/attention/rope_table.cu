// Sines and cosines of rotary position embedding for the tokens of a batch, once a step: angle =
// position * frequency in double, rounded once to float.

#include "attention/angles.cuh"

// table[token][0] holds the cosine of each element of a head, table[token][1] the sine that its
// partner is multiplied by. A thread computes one pair of one token.
extern "C" __global__ void __launch_bounds__(128)
    rope_table(const int *positions, const double *frequencies, float *table, int tokens, int pairs,
               int interleaved) {
  long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= (long long)tokens * pairs) {
    return;
  }
  int token = (int)(index / pairs);
  int pair = (int)(index - (long long)token * pairs);
  double sine;
  double cosine;
  sine_and_cosine(positions[token] * frequencies[pair], &sine, &cosine);
  float *row = table + 4LL * token * pairs;
  int first = interleaved ? 2 * pair : pair;
  int second = interleaved ? 2 * pair + 1 : pair + pairs;
  row[first] = row[second] = (float)cosine;
  row[2 * pairs + first] = -(float)sine;
  row[2 * pairs + second] = (float)sine;
}
