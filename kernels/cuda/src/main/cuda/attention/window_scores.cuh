// What the last query tokens of a request think of each key: p = min(1, exp(logit - lse)), its sum,
// variance over the tokens and entropy, each added over the query heads of a group.
//
// A block keeps the keys of some slots in shared memory, a quarter of them for each of its warps,
// and goes over the group's heads and their tokens, 16 at a time, with the products of
// tile_products.cuh. A lane collects what it computes, for the columns it has: tokens g, g + 8 and
// so on; the lanes of a column are merged at the end of a head.

#pragma once

#include "attention/tile_products.cuh"

namespace {

// The observing tokens of a request.
struct Observers {
  int firstToken; // in the batch
  int count;
  int first; // in the tables of positions and rotations
};

// Where results go: null for what is not asked for.
struct Statistics {
  float *sum;
  float *mean;
  float *variance;
  float *entropy;
};

template <typename T, int D> struct WindowLayout {
  using L = TileLayout<T, D, true>; // its strides
  static constexpr int WARPS = 4;
  static constexpr int THREADS = 32 * WARPS;
  static constexpr int TILES = D <= 128 ? 4 : 2; // of 8 slots, of a warp
  static constexpr int SLOTS = 8 * TILES * WARPS;
  static constexpr int ROWS = 16;
  static constexpr int QUERY_BYTES = ROWS * L::QUERY_STRIDE * 4;
};

// Welford's recurrence over probabilities that come one by one.
struct Moments {
  float mean;
  float squares; // of deviations, their sum

  __device__ void add(float p, float number) {
    float delta = p - mean;
    mean += delta / number;
    squares = fmaf(delta, p - mean, squares);
  }

  // Adds the lanes whose number differs by some, of mine and others' probabilities.
  __device__ void merge(int lanes, float mine, float others) {
    float delta = __shfl_xor_sync(WARP, mean, lanes) - mean;
    float part = others == 0 ? 0 : others / (mine + others);
    squares += __shfl_xor_sync(WARP, squares, lanes) + delta * delta * mine * part;
    mean += delta * part;
  }
};

// What a lane has found out about the slots of its columns, [8 slots][first or second column].
template <int TILES> struct Findings {
  float sums[TILES][2];
  float entropies[TILES][2];
  float variances[TILES][2]; // sums of squares, of all heads
  Moments moments[TILES][2]; // of one head
};

template <int TILES> __device__ void end_head(Findings<TILES> &found, int tokens) {
  // Tokens that the lane has seen: those with its number modulo 8.
  int mine = (tokens + 7 - threadIdx.x % 32 / 4) / 8;
#pragma unroll
  for (int lanes = 4; lanes < 32; lanes *= 2) {
    int others = __shfl_xor_sync(WARP, mine, lanes);
#pragma unroll
    for (int n = 0; n < TILES; n++) {
      found.moments[n][0].merge(lanes, mine, others);
      found.moments[n][1].merge(lanes, mine, others);
    }
    mine += others;
  }
#pragma unroll
  for (int n = 0; n < TILES; n++) {
#pragma unroll
    for (int odd = 0; odd < 2; odd++) {
      found.variances[n][odd] += found.moments[n][odd].squares;
      found.moments[n][odd] = Moments{0, 0};
    }
  }
}

__device__ inline float add_lanes(float x) {
#pragma unroll
  for (int lanes = 4; lanes < 32; lanes *= 2) {
    x += __shfl_xor_sync(WARP, x, lanes);
  }
  return x;
}

template <typename T, int D>
__device__ void copy_keys(const Pool<T> &pool, const long long *places, T *keys) {
  using W = WindowLayout<T, D>;
  using L = typename W::L;
  for (int copy = threadIdx.x; copy < W::SLOTS * D / L::VECTOR; copy += W::THREADS) {
    int slot = copy / (D / L::VECTOR);
    int dim = copy % (D / L::VECTOR) * L::VECTOR;
    bool there = places[slot] >= 0 && dim < pool.headDim;
    copy_async(keys + slot * L::SLOT_STRIDE + dim,
               pool.keys + (there ? places[slot] * pool.headDim + dim : 0), there);
  }
  commit_copies();
  await_copies<0>();
}

// The same for codes, decoded on the way.
template <typename T, int D>
__device__ void load_codes(const Pool<T> &pool, const long long *places, T *keys) {
  using W = WindowLayout<T, D>;
  using L = typename W::L;
  if constexpr (MAY_BE_CODES<T>) {
#pragma unroll 2
    for (int copy = threadIdx.x; copy < W::SLOTS * D / 16; copy += W::THREADS) {
      int slot = copy / (D / 16);
      int dim = copy % (D / 16) * 16;
      uint4 codes = places[slot] < 0 ? uint4{} : pool.load_codes(pool.keys, places[slot], dim);
      decode16(codes, pool.f8, copy & 4, keys + slot * L::SLOT_STRIDE + dim);
    }
  }
}

template <typename T, int D>
__device__ void window_scores(const Pool<T> &pool, const PageTable &table, const Chunk *chunks,
                              const Observers *observers, const Query &query, const Rope &rope,
                              const Masking &masking, const Bias &bias, const float *lse,
                              const long long *slotStarts, float factor,
                              const Statistics &results) {
  using W = WindowLayout<T, D>;
  using L = typename W::L;
  extern __shared__ __align__(16) unsigned char shared[];
  float *queries = reinterpret_cast<float *>(shared);
  T *keys = reinterpret_cast<T *>(shared + W::QUERY_BYTES);
  __shared__ long long places[W::SLOTS];
  __shared__ int keyPositions[W::SLOTS];
  __shared__ float keyBiases[W::SLOTS];
  __shared__ float keyScales[MAY_BE_CODES<T> ? W::SLOTS : 1];
  __shared__ int positions[W::ROWS];
  __shared__ float logs[W::ROWS];

  Chunk chunk = chunks[blockIdx.x];
  int kvHead = chunk.row % query.kvHeads;
  Observers seen = observers[chunk.row / query.kvHeads];
  Row row = table.row(chunk.row);
  int begin = chunk.index * W::SLOTS;
  int count = min(row.length - begin, W::SLOTS);
  for (int i = threadIdx.x; i < W::SLOTS; i += W::THREADS) {
    places[i] = i < count && seen.count > 0 ? row.at(pool.paging, begin + i) : -1;
    keyPositions[i] = places[i] < 0 ? 0 : pool.positions[places[i]];
    keyBiases[i] = places[i] < 0 || bias.slots == nullptr ? 0 : bias.slots[places[i]];
    if (pool.coded()) {
      keyScales[i] = places[i] < 0 ? 0 : pool.scales[places[i]].value[0];
    }
  }
  __syncthreads();
  if (pool.coded()) {
    load_codes<T, D>(pool, places, keys);
  } else {
    copy_keys<T, D>(pool, places, keys);
  }

  int firstSlot = 8 * W::TILES * (threadIdx.x / 32); // of the warp
  int g = threadIdx.x % 32 / 4;
  int t = threadIdx.x % 4;
  Findings<W::TILES> found = {};
#pragma unroll 1
  for (int inGroup = 0; inGroup < query.group; inGroup++) {
    int head = kvHead * query.group + inGroup;
    float slope = bias.slopes == nullptr ? 0 : bias.slopes[head];
#pragma unroll 1
    for (int from = 0; from < seen.count; from += W::ROWS) {
      int rows = min(W::ROWS, seen.count - from);
      __syncthreads();
      for (int i = threadIdx.x; i < W::ROWS * D / 4; i += W::THREADS) {
        int token = from + i / (D / 4);
        int dim = i % (D / 4) * 4;
        Floats<4> four = {};
        if (token < seen.count && dim < pool.headDim) {
          long long index =
              (long long)(seen.firstToken + token) * query.kvHeads * query.group + head;
          four = rope.rotated4(query.q + index * pool.headDim, dim, seen.first + token);
#pragma unroll
          for (int j = 0; j < 4; j++) {
            four.value[j] *= query.scale;
          }
        }
        *reinterpret_cast<Floats<4> *>(queries + (token - from) * L::QUERY_STRIDE + dim) = four;
      }
      if (threadIdx.x < rows) {
        int token = from + threadIdx.x;
        positions[threadIdx.x] = query.positions[seen.first + token];
        logs[threadIdx.x] =
            lse[(long long)(seen.firstToken + token) * query.kvHeads * query.group + head];
      }
      __syncthreads();
      float logits[W::TILES][4];
      tile_logits<T, D, W::TILES>(queries, keys + firstSlot * L::SLOT_STRIDE, logits);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int token = g + 8 * half;
        if (token >= rows) {
          continue;
        }
        float number = (from + token) / 8 + 1; // of the lane's tokens
#pragma unroll
        for (int n = 0; n < W::TILES; n++) {
#pragma unroll
          for (int odd = 0; odd < 2; odd++) {
            int slot = firstSlot + 8 * n + slot_of_column(2 * t + odd);
            int position = keyPositions[slot];
            bool visible = position >= masking.first(positions[token]) &&
                           position <= masking.last(positions[token]);
            float product = logits[n][2 * half + odd] * (pool.coded() ? keyScales[slot] : 1);
            float logit = fmaf(slope, (float)(position - positions[token]),
                               masking.capped(product)) +
                          keyBiases[slot];
            float log = logit - logs[token];
            log = log > 0 ? 0 : log; // unlike fminf keeps a NaN
            float p = visible && logit != -INFINITY ? expf(log) : 0;
            found.sums[n][odd] += p;
            found.entropies[n][odd] -= p == 0 ? 0 : p * log;
            if (results.variance != nullptr) {
              found.moments[n][odd].add(p, number);
            }
          }
        }
      }
    }
    if (results.variance != nullptr) {
      end_head(found, seen.count);
    }
  }
  float mean = seen.count == 0 ? 0 : factor / seen.count;
  float variance = seen.count < 2 ? 0 : factor / (seen.count - 1);
#pragma unroll
  for (int n = 0; n < W::TILES; n++) {
#pragma unroll
    for (int odd = 0; odd < 2; odd++) {
      float sum = add_lanes(found.sums[n][odd]);
      float entropy = add_lanes(found.entropies[n][odd]);
      int slot = firstSlot + 8 * n + slot_of_column(2 * t + odd);
      if (g > 0 || slot >= count) {
        continue;
      }
      long long to = slotStarts[chunk.row] + begin + slot;
      if (results.sum != nullptr) {
        results.sum[to] = sum * factor;
      }
      if (results.mean != nullptr) {
        results.mean[to] = sum * mean;
      }
      if (results.variance != nullptr) {
        results.variance[to] = found.variances[n][odd] * variance;
      }
      if (results.entropy != nullptr) {
        results.entropy[to] = entropy * factor;
      }
    }
  }
}

} // namespace

#define WINDOW_SCORES(NAME, TYPE, DIM)                                                             \
  extern "C" __global__ void __launch_bounds__((WindowLayout<TYPE, DIM>::THREADS))                 \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, const int *lengths, const int *starts,              \
           const int *pages, const Chunk *chunks, const Observers *observers, const float *q,      \
           const int *queryPositions, float scale, int kvHeads, int group, const float *rotation,  \
           int rotaryDim, int interleaved, int causal, int window, float softCap,                  \
           const float *slopes, const float *slotBias, const float *lse,                           \
           const long long *slotStarts, float factor, float *sum, float *mean, float *variance,    \
           float *entropy, const Floats<2> *scales, int f8) {                                      \
    window_scores<TYPE, DIM>(                                                                      \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}, scales,   \
         f8},                                                                                      \
        {lengths, starts, pages}, chunks, observers, {q, queryPositions, scale, kvHeads, group},   \
        {rotation, rotaryDim, interleaved}, {causal, window, softCap},                             \
        {slopes, nullptr, slotBias}, lse, slotStarts, factor, {sum, mean, variance, entropy});     \
  }
