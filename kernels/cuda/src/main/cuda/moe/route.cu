// Choice of experts: a token's scores are spread over `width` lanes, so a warp routes 32 / width
// tokens. Of WIDTH neighbouring experts a lane has all, so that it loads them at once.
//
// A lane keeps its probabilities and the ranks of its choices in a column of its own, in shared
// memory or, for very many experts, in the workspace.

#include "common/vector.cuh"

namespace {

constexpr int LANES = 32;
constexpr unsigned ALL = 0xffffffffu;

// Rank of what cannot be chosen, and that of NaN: both below the rank of -infinity.
constexpr int EXCLUDED = INT_MIN;
constexpr int NOT_A_NUMBER = INT_MIN + 1;

// An integer of the same order: the bits of a positive float rise with it, those of a negative one
// fall, so all but its sign is inverted. -0 is +0.
__device__ int rank_of(float score) {
  int bits = __float_as_int(score + 0.f);
  return isnan(score) ? NOT_A_NUMBER : bits ^ (int)((unsigned)(bits >> 31) >> 1);
}

__device__ float score_of(int rank) {
  return rank == NOT_A_NUMBER ? __int_as_float(0x7fffffff)
                              : __int_as_float(rank ^ (int)((unsigned)(rank >> 31) >> 1));
}

// Of equal ranks the lower index is the larger number.
__device__ unsigned long long candidate(int rank, int index) {
  return (unsigned long long)((unsigned)rank ^ 0x80000000u) << 32 | (0xffffffffu - index);
}

__device__ int index_of(unsigned long long candidate) { return 0xffffffffu - (unsigned)candidate; }

struct Options {
  int experts;
  int top;
  int groups;
  int kept;
  int softmax;
  int renormalise;
  float scale;
  int width;
};

template <int WIDTH> struct Token {
  const Options &options;
  int lane; // of the token's lanes
  int rows; // experts of a lane, and a little more where they do not divide
  float *probabilities;
  int *ranks;
  int *group_ranks;

  __device__ int expert(int row) const {
    return row / WIDTH * (WIDTH * options.width) + lane * WIDTH + row % WIDTH;
  }
  __device__ int row_of(int expert) const {
    return expert / (WIDTH * options.width) * WIDTH + expert % WIDTH;
  }
  __device__ int lane_of(int expert) const { return expert / WIDTH % options.width; }

  __device__ float most(float value) const {
    for (int away = options.width / 2; away > 0; away /= 2) {
      value = fmaxf(value, __shfl_xor_sync(ALL, value, away));
    }
    return value;
  }
  __device__ float sum(float value) const {
    for (int away = options.width / 2; away > 0; away /= 2) {
      value += __shfl_xor_sync(ALL, value, away);
    }
    return value;
  }
  __device__ unsigned long long best(unsigned long long value) const {
    for (int away = options.width / 2; away > 0; away /= 2) {
      unsigned long long other = __shfl_xor_sync(ALL, value, away);
      value = other > value ? other : value;
    }
    return value;
  }

  __device__ void load(const float *logits) {
    for (int row = 0; row < rows; row += WIDTH) {
      Floats<WIDTH> some;
      if (expert(row) < options.experts) {
        some = *reinterpret_cast<const Floats<WIDTH> *>(logits + expert(row));
      } else {
#pragma unroll
        for (int j = 0; j < WIDTH; j++) {
          some.value[j] = -INFINITY;
        }
      }
#pragma unroll
      for (int j = 0; j < WIDTH; j++) {
        probabilities[(row + j) * LANES] = some.value[j];
      }
    }
  }

  __device__ void score(const float *bias) {
    if (options.softmax) {
      float largest = -INFINITY;
      for (int row = 0; row < rows; row++) {
        largest = fmaxf(largest, probabilities[row * LANES]);
      }
      largest = most(largest);
      float total = 0;
      for (int row = 0; row < rows; row++) {
        // Also where the largest is infinite, an absent expert adds nothing.
        float p = expert(row) < options.experts ? expf(probabilities[row * LANES] - largest) : 0;
        probabilities[row * LANES] = p;
        total += p;
      }
      total = sum(total);
      for (int row = 0; row < rows; row++) {
        probabilities[row * LANES] /= total;
      }
    } else {
      for (int row = 0; row < rows; row++) {
        probabilities[row * LANES] = 1 / (1 + expf(-probabilities[row * LANES]));
      }
    }
    for (int row = 0; row < rows; row++) {
      int e = expert(row);
      float p = probabilities[row * LANES];
      ranks[row * LANES] =
          e < options.experts ? rank_of(bias == nullptr ? p : p + bias[e]) : EXCLUDED;
    }
  }

  // Experts outside the groups with the best sums of their two best are excluded.
  __device__ void exclude_groups() {
    int size = options.experts / options.groups;
    for (int g = 0; g < options.groups; g++) {
      int first = EXCLUDED;
      int second = EXCLUDED;
      int stop = row_of((g + 1) * size - 1) / WIDTH * WIDTH + WIDTH;
      for (int row = row_of(g * size) / WIDTH * WIDTH; row < stop; row++) {
        if (expert(row) / size == g) {
          int rank = ranks[row * LANES];
          second = max(second, min(first, rank));
          first = max(first, rank);
        }
      }
      for (int away = options.width / 2; away > 0; away /= 2) {
        int other_first = __shfl_xor_sync(ALL, first, away);
        int other_second = __shfl_xor_sync(ALL, second, away);
        second = max(max(second, other_second), min(first, other_first));
        first = max(first, other_first);
      }
      if (g % options.width == lane) {
        group_ranks[g / options.width * LANES] =
            size == 1 ? first : rank_of(score_of(first) + score_of(second));
      }
    }
    for (int i = 0; i < options.kept; i++) {
      unsigned long long chosen = 0;
      for (int g = lane; g < options.groups; g += options.width) {
        unsigned long long next = candidate(group_ranks[g / options.width * LANES], g);
        chosen = next > chosen ? next : chosen;
      }
      int g = index_of(best(chosen));
      if (g % options.width == lane) {
        group_ranks[g / options.width * LANES] = EXCLUDED; // as a candidate, so it is kept
      }
    }
    __syncwarp();
    for (int row = 0; row < rows; row++) {
      int g = expert(row) / size;
      if (g < options.groups) {
        const int *of_lane = group_ranks - lane + g % options.width;
        if (of_lane[g / options.width * LANES] != EXCLUDED) {
          ranks[row * LANES] = EXCLUDED;
        }
      }
    }
  }

  // Lane j of the token writes choice j, j + width, and so on.
  __device__ void choose(bool present, int *ids, float *weights) {
    float total = 1e-20f;
    float mine = 0;
    for (int j = 0; j < options.top; j++) {
      unsigned long long chosen = 0;
      for (int row = 0; row < rows; row++) {
        unsigned long long next = candidate(ranks[row * LANES], expert(row));
        chosen = next > chosen ? next : chosen;
      }
      int e = index_of(best(chosen));
      bool owner = lane_of(e) == lane;
      if (owner) {
        ranks[row_of(e) * LANES] = EXCLUDED;
      }
      float p = __shfl_sync(ALL, probabilities[row_of(e) * LANES], lane_of(e), options.width);
      total += p;
      if (j % options.width == lane && present) {
        mine = p;
        ids[j] = e;
        if (options.top > options.width) {
          weights[j] = p;
        }
      }
    }
    for (int j = lane; j < options.top && present; j += options.width) {
      float p = options.top > options.width ? weights[j] : mine;
      weights[j] = (options.renormalise ? p / total : p) * options.scale;
    }
  }
};

template <int WIDTH>
__device__ void route(const float *logits, const float *bias, int *ids, float *weights, int tokens,
                      const Options &options, int *workspace) {
  extern __shared__ int shared[];
  int warps = blockDim.x / LANES;
  int warp = threadIdx.x / LANES;
  int lane = threadIdx.x % LANES;
  int rows = (options.experts + WIDTH * options.width - 1) / (WIDTH * options.width) * WIDTH;
  int group_rows = (options.groups + options.width - 1) / options.width;
  long long size = (long long)(2 * rows + group_rows) * LANES;
  int *memory = (workspace == nullptr ? shared + warp * size
                                      : workspace + (blockIdx.x * (long long)warps + warp) * size) +
                lane;
  int together = LANES / options.width;
  long long step = (long long)gridDim.x * warps * together;
  for (long long first = ((long long)blockIdx.x * warps + warp) * together; first < tokens;
       first += step) {
    long long wanted = first + lane / options.width;
    bool present = wanted < tokens;
    long long at = present ? wanted : tokens - 1;
    Token<WIDTH> token{options,
                       lane % options.width,
                       rows,
                       reinterpret_cast<float *>(memory),
                       memory + (long long)rows * LANES,
                       memory + 2LL * rows * LANES};
    token.load(logits + at * options.experts);
    token.score(bias);
    if (options.kept < options.groups) {
      token.exclude_groups();
    }
    token.choose(present, ids + at * options.top, weights + at * options.top);
    __syncwarp();
  }
}

} // namespace

#define ROUTE(NAME, WIDTH)                                                                         \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(const float *logits, const float *bias, int *ids, float *weights, int *workspace,       \
           int tokens, int experts, int top, int groups, int kept, int softmax, int renormalise,   \
           float scale, int width) {                                                               \
    Options options{experts, top, groups, kept, softmax, renormalise, scale, width};               \
    route<WIDTH>(logits, bias, ids, weights, tokens, options, workspace);                          \
  }

ROUTE(route_vector, 4)
ROUTE(route_scalar, 1)
