// Merges neighbouring slots with similar keys, in two launches. The first one notes a bit for each
// slot that belongs to the one before it: a thread has one slot, so that its sums are in the order of
// the elements. In the second one a warp has the sets that begin among 32 slots, and a lane four
// elements of them at a time. A set is read and written by its warp only.

#include "attention/scales.cuh"
#include "attention/score_key.cuh"

namespace {

constexpr int SLOTS = 128; // of a chunk, and threads of a block
constexpr int WARPS = SLOTS / 32;
constexpr int TILE = 32;   // elements of keys that are in shared memory at once
constexpr int STRIDE = TILE + 1;
constexpr int QUADS = 2;   // of a lane at most: 256 elements
constexpr int CACHED = 8;  // keys of a set that stay in shared memory

// Which slots are not merged.
struct Protection {
  const int *nexts; // positions behind the last tokens of the requests
  int kvHeads;
  int prefix;
  int recents;

  __device__ bool operator()(int row, int position) const {
    return position < prefix || position >= (long long)nexts[row / kvHeads] - recents;
  }
};

template <typename T>
__device__ void find_links(const Pool<T> &pool, const float *scales, const PageTable &table,
                           const Chunk *chunks, const Protection &isProtected, double threshold,
                           unsigned *links) {
  constexpr int WIDTH = sizeof(T) == 4 ? 4 : 8;
  constexpr int PARTS = TILE / WIDTH;
  __shared__ float tile[(SLOTS + 1) * STRIDE];
  __shared__ long long places[SLOTS + 1]; // of the slot before the chunk and of its own, or -1
  Chunk chunk = chunks[blockIdx.x];
  Row row = table.row(chunk.row);
  for (int i = threadIdx.x; i <= SLOTS; i += SLOTS) {
    int slot = chunk.index * SLOTS - 1 + i;
    long long at = slot < 0 || slot >= row.length ? -1 : row.at(pool.paging, slot);
    places[i] = at < 0 || isProtected(chunk.row, pool.positions[at]) ? -1 : at;
  }
  __syncthreads();
  long long before = places[threadIdx.x];
  long long here = places[threadIdx.x + 1];
  bool linked = before >= 0 && here >= 0;
  float scaleBefore = linked ? scale_at<T>(scales, before, 0) : 1;
  float scaleHere = linked ? scale_at<T>(scales, here, 0) : 1;
  double dot = 0;
  double first = 0;
  double second = 0;
  for (int dim = 0; dim < pool.headDim; dim += TILE) {
#pragma unroll 4
    for (int i = threadIdx.x; i < (SLOTS + 1) * PARTS; i += SLOTS) {
      long long at = places[i / PARTS];
      int d = i % PARTS * WIDTH;
      if (at >= 0 && dim + d < pool.headDim) {
        const T *from = pool.keys + at * pool.headDim + dim + d;
        Elements<T, WIDTH> part = *reinterpret_cast<const Elements<T, WIDTH> *>(from);
#pragma unroll
        for (int j = 0; j < WIDTH; j++) {
          tile[i / PARTS * STRIDE + d + j] = widen(part.value[j]);
        }
      }
    }
    __syncthreads();
    if (linked) {
      const float *keys = tile + threadIdx.x * STRIDE;
      for (int d = 0; d < min(TILE, pool.headDim - dim); d++) {
        double a = keys[d] * scaleBefore;
        double b = keys[STRIDE + d] * scaleHere;
        dot += a * b;
        first += a * a;
        second += b * b;
      }
    }
    __syncthreads();
  }
  linked = linked && first > 0 && second > 0 && dot >= threshold * sqrt(first * second);
  unsigned word = __ballot_sync(WARP, linked);
  if (threadIdx.x % 32 == 0) {
    links[blockIdx.x * WARPS + threadIdx.x / 32] = word;
  }
}

// Which of 32 slots, from first on, begin a set of their row.
__device__ unsigned starts_among(unsigned links, int first, int length) {
  int there = min(length - first, 32);
  return there <= 0 ? 0 : ~links & 0xffffffffu >> (32 - there);
}

// The slot behind the set that begins at a slot.
__device__ int end_of_set(const unsigned *links, int from, int length) {
  int slot = from + 1;
  while (slot < length) {
    unsigned starts = ~links[slot / 32] >> slot % 32;
    if (starts != 0) {
      return slot + __ffs(starts) - 1;
    }
    slot = (slot / 32 + 1) * 32;
  }
  return length;
}

// The slot with the largest score, the lower one of equals.
__device__ int pivot_of(const float *scores, int from, int to) {
  unsigned long long best = 0;
  for (int slot = from + threadIdx.x % 32; slot < to; slot += 32) {
    best = max(best, (unsigned long long)score_key(scores[slot]) << 32 | ~(unsigned)slot);
  }
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    best = max(best, __shfl_xor_sync(WARP, best, lanes));
  }
  return (int)~(unsigned)best;
}

// A lane's elements of a key or value.
struct Part {
  Floats<4> quads[QUADS];
};

// A lane's sums of them.
struct Sums {
  double value[QUADS][4];

  __device__ void add(double weight, const Part &part) {
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        value[i][j] += weight * part.quads[i].value[j];
      }
    }
  }
};

// What a warp merges, and with what.
template <typename T> struct Merge {
  Pool<T> pool;
  float *scales; // of key and value of each slot; null where elements stand for themselves
  float *logCounts;
  Row row;
  Floats<4> *cache; // [CACHED][headDim / 4]
  int lane;

  __device__ bool has(int quad) const { return lane + 32 * quad < pool.headDim / 4; }

  __device__ Part read(const T *vectors, long long at, int ofScale) const {
    float scale = scale_at<T>(scales, at, ofScale);
    Part part = {};
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
      if (has(i)) {
        const T *from = vectors + at * pool.headDim + 4 * (lane + 32 * i);
        Elements<T, 4> four = *reinterpret_cast<const Elements<T, 4> *>(from);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          part.quads[i].value[j] = widen(four.value[j]) * scale;
        }
      }
    }
    return part;
  }

  // Reads the key of slot i of a set, and keeps it if there is room.
  __device__ Part first_read(long long at, int i) const {
    Part key = read(pool.keys, at, 0);
#pragma unroll
    for (int j = 0; j < QUADS; j++) {
      if (i < CACHED && has(j)) {
        cache[i * pool.headDim / 4 + lane + 32 * j] = key.quads[j];
      }
    }
    return key;
  }

  __device__ Part second_read(long long at, int i) const {
    if (i >= CACHED) {
      return read(pool.keys, at, 0);
    }
    Part key = {};
#pragma unroll
    for (int j = 0; j < QUADS; j++) {
      if (has(j)) {
        key.quads[j] = cache[i * pool.headDim / 4 + lane + 32 * j];
      }
    }
    return key;
  }

  // Square of the distance between two keys.
  __device__ double distance(const Part &a, const Part &b) const {
    double sum = 0;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        double difference = (double)a.quads[i].value[j] - b.quads[i].value[j];
        sum += difference * difference;
      }
    }
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      sum += __shfl_xor_sync(WARP, sum, lanes);
    }
    return sum;
  }

  // Stores sums / total; all lanes have read what was there.
  __device__ void write(const Sums &sums, double total, T *vectors, long long at, int ofScale) {
    Part mean = {};
    unsigned most = 0;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (has(i)) {
          mean.quads[i].value[j] = (float)(sums.value[i][j] / total);
          most = max(most, magnitude(mean.quads[i].value[j]));
        }
      }
    }
    float scale = scale_of_warp<T>(most);
    if (CODED<T> && lane == 0) {
      scales[2 * at + ofScale] = scale;
    }
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
      if (has(i)) {
        Elements<T, 4> four;
#pragma unroll
        for (int j = 0; j < 4; j++) {
          round_to(mean.quads[i].value[j], scale, &four.value[j]);
        }
        T *to = vectors + at * pool.headDim + 4 * (lane + 32 * i);
        *reinterpret_cast<Elements<T, 4> *>(to) = four;
      }
    }
  }

  // A lane's place of 32 slots of a set that ends before to.
  __device__ long long place(int base, int to) const {
    return row.at(pool.paging, min(base + lane, to - 1));
  }

  // A lane's squared distance of 32 slots of a set from its pivot, all of which are added to sum.
  __device__ double spread(const Part &pivot, int from, int base, int to, double *sum) const {
    long long places = place(base, to);
    double own = 0;
    for (int slot = base; slot < min(base + 32, to); slot++) {
      Part key = first_read(__shfl_sync(WARP, places, slot - base), slot - from);
      double squared = distance(pivot, key);
      own = lane == slot - base ? squared : own;
      *sum += squared;
    }
    return own;
  }

  __device__ void run(int from, int to, int pivot) {
    long long target = row.at(pool.paging, pivot);
    Part pivotKey = read(pool.keys, target, 0);
    double variance = 0;
    double squared = 0;
    for (int base = from; base < to; base += 32) {
      squared = spread(pivotKey, from, base, to, &variance);
    }
    variance /= to - from;
    double decay = -1 / (2 * variance);
    Sums keys = {};
    Sums values = {};
    double total = 0;
    double tokens = 0;
    for (int base = from; base < to; base += 32) {
      if (to - from > 32) {
        double again = 0;
        squared = spread(pivotKey, from, base, to, &again);
      }
      long long places = place(base, to);
      double counts = rint(exp((double)logCounts[places]));
      double weights = variance == 0 ? counts : counts * exp(decay * squared);
      for (int slot = base; slot < min(base + 32, to); slot++) {
        long long at = __shfl_sync(WARP, places, slot - base);
        double weight = __shfl_sync(WARP, weights, slot - base);
        keys.add(weight, second_read(at, slot - from));
        values.add(weight, read(pool.values, at, 1));
        total += weight;
        tokens += __shfl_sync(WARP, counts, slot - base);
      }
    }
    __syncwarp();
    write(keys, total, pool.keys, target, 0);
    write(values, total, pool.values, target, 1);
    if (lane == 0) {
      logCounts[target] = (float)log(tokens);
    }
  }
};

template <typename T>
__device__ void merge_sets(Merge<T> merge, const PageTable &table, const Chunk *chunks,
                           const unsigned *links, const long long *slotStarts, const float *scores,
                           int *kept, int *lengths) {
  Chunk chunk = chunks[blockIdx.x];
  merge.row = table.row(chunk.row);
  int length = merge.row.length;
  links += ((long long)blockIdx.x - chunk.index) * WARPS;
  scores += slotStarts[chunk.row];
  kept += slotStarts[chunk.row];
  int word = chunk.index * WARPS + threadIdx.x / 32;
  int sets = 0; // that begin before
  for (int i = merge.lane; i < word; i += 32) {
    sets += __popc(starts_among(links[i], 32 * i, length));
  }
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    sets += __shfl_xor_sync(WARP, sets, lanes);
  }
  unsigned starts = starts_among(links[word], 32 * word, length);
  int pivotOfLane = 0;
  int here = 0; // sets that were merged
  for (; starts != 0; starts &= starts - 1) {
    int from = 32 * word + __ffs(starts) - 1;
    int to = end_of_set(links, from, length);
    int pivot = from;
    if (to - from > 1) {
      pivot = pivot_of(scores, from, to);
      merge.run(from, to, pivot);
    }
    pivotOfLane = merge.lane == here ? pivot : pivotOfLane;
    here++;
  }
  if (merge.lane < here) {
    kept[sets + merge.lane] = pivotOfLane;
  }
  sets += here;
  if (word == max(length - 1, 0) / 32) {
    for (int i = sets + merge.lane; i < length; i += 32) {
      kept[i] = -1;
    }
    if (merge.lane == 0) {
      lengths[chunk.row] = sets;
    }
  }
}

} // namespace

#define MERGE_SIMILAR_KV(NAME, TYPE)                                                               \
  extern "C" __global__ void __launch_bounds__(SLOTS) merge_similar_kv_links_##NAME(               \
      TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,          \
      unsigned pageFactor, int pageShift, float *scales, const int *lengths, const int *starts,    \
      const int *pages, const Chunk *chunks, const int *nexts, int kvHeads, int prefix,            \
      int recents, double threshold, unsigned *links) {                                            \
    find_links<TYPE>(                                                                              \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}}, scales,  \
        {lengths, starts, pages}, chunks, {nexts, kvHeads, prefix, recents}, threshold, links);    \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(SLOTS) merge_similar_kv_##NAME(                     \
      TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,          \
      unsigned pageFactor, int pageShift, float *scales, const int *lengths, const int *starts,    \
      const int *pages, const Chunk *chunks, const unsigned *links, const long long *slotStarts,   \
      const float *scores, float *logCounts, int *kept, int *newLengths) {                         \
    extern __shared__ Floats<4> cache[];                                                           \
    merge_sets<TYPE>(                                                                              \
        {{keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}},         \
         scales,                                                                                   \
         logCounts,                                                                                \
         {},                                                                                       \
         cache + threadIdx.x / 32 * CACHED * headDim / 4,                                          \
         (int)threadIdx.x % 32},                                                                   \
        {lengths, starts, pages}, chunks, links, slotStarts, scores, kept, newLengths);            \
  }

MERGE_SIMILAR_KV(f32, float)
MERGE_SIMILAR_KV(f16, __half)
MERGE_SIMILAR_KV(bf16, __nv_bfloat16)
MERGE_SIMILAR_KV(i8, I8)
MERGE_SIMILAR_KV(f8e4m3, F8)
