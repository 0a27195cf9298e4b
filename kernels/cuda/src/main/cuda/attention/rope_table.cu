// Sines and cosines of rotary position embedding for the tokens of a batch, once a step: angle =
// position * frequency in double, rounded once to float.

namespace {

// Sine and cosine of angles up to 2^31, without the tables that the general functions need.
__device__ void sine_and_cosine(double angle, double *sine, double *cosine) {
  constexpr double INVERSE_PI = 0.31830988618379069;
  constexpr double REST_OF_INVERSE_PI = -1.9678676675182486e-17;
  double turns = angle * INVERSE_PI;
  double rest = fma(angle, REST_OF_INVERSE_PI, fma(angle, INVERSE_PI, -turns));
  sincospi(turns - 2 * rint(turns / 2) + rest, sine, cosine);
}

} // namespace

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
