// Attention of several query tokens a request. The (token, query head) pairs of a kv head are the
// rows of a matrix product, token by token, so that a group shares keys and values; a block takes
// as many rows as its warps hold and walks over the slots that some of them see. A decode step with
// a large group is the same with one token a request and several chunks of slots; when the rows are
// few the warps split the slots instead.

#pragma once

#include "attention/attention_tile.cuh"

namespace {

// The share of a block.
struct Item {
  int row;        // of the page table
  int firstRow;   // of queries
  int firstToken; // of the request, in the batch
  int tokens;     // of the request
  int chunk;      // of the slots
  int state;      // index of the first row's state, when there are several chunks
};

// What an item means. Worked out at the beginning and again at the end: registers are short.
struct Share {
  Item item;
  int kvHead;
  int token; // of row 0, in the batch
  int group;
  int kvHeads;
  int count; // of rows

  __device__ Share(const Item *items, const Query &query, int mostRows)
      : item(items[blockIdx.x]), kvHead(item.row % query.kvHeads),
        token(item.firstToken + item.firstRow / query.group), group(query.group),
        kvHeads(query.kvHeads), count(min(item.tokens * group - item.firstRow, mostRows)) {}

  __device__ int offset() const { return item.firstRow % group; }
  __device__ int token_of(int row) const { return token + (row + offset()) / group; }

  // Query head of a row.
  __device__ int head(int row) const { return kvHead * group + (row + offset()) % group; }

  // Index of a row's (token, query head) in the batch.
  __device__ long long index(int row) const {
    return ((long long)token_of(row) * kvHeads + kvHead) * group + (row + offset()) % group;
  }
};

template <typename T, int D, bool SPLIT>
__device__ void load_queries(const Share &share, const Query &query, const Rope &rope,
                             const Bias &bias, int headDim, float *queries) {
  using L = TileLayout<T, D, SPLIT>;
  for (int i = threadIdx.x; i < L::ROWS * D / 4; i += L::THREADS) {
    int row = i / (D / 4);
    int dim = i % (D / 4) * 4;
    Floats<4> four = {};
    if (row < share.count && dim < headDim) {
      four = rope.rotated4(query.q + share.index(row) * headDim, dim, share.token_of(row));
#pragma unroll
      for (int j = 0; j < 4; j++) {
        four.value[j] *= query.scale;
      }
    }
    *reinterpret_cast<Floats<4> *>(queries + row * L::QUERY_STRIDE + dim) = four;
  }
  for (int row = threadIdx.x; row < L::ROWS; row += L::THREADS) {
    int known = min(row, share.count - 1);
    queries[position_at<D, L::QUERY_STRIDE>(row)] =
        __int_as_float(query.positions[share.token_of(known)]);
    if (bias.slopes != nullptr) {
      queries[slope_at<D, L::QUERY_STRIDE>(row)] = bias.slopes[share.head(known)];
    }
  }
  __syncthreads();
}

template <typename T, int D, bool SPLIT>
__device__ void store_results(const Share &share, bool whole, const TileState<T, D, SPLIT> &state,
                              const Bias &bias, const Results &results, int headDim) {
  using L = TileLayout<T, D, SPLIT>;
  float *out = whole ? results.out : results.stateOut;
  float *lse = whole ? results.lse : results.stateLse;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4 + 8 * half;
    if (row >= share.count) {
      continue;
    }
    long long to = whole ? share.index(row) : (long long)share.item.state + row;
    float sink = whole ? bias.sink(share.head(row)) : -INFINITY;
    float most = fmaxf(state.most[half], sink);
    float keep = weight(state.most[half], most);
    float total = keep * state.sum[half] + weight(sink, most);
    float factor = total == 0 ? 0 : keep / total;
#pragma unroll
    for (int block = 0; block < D / 8 / L::VECTOR; block++) {
#pragma unroll
      for (int j = 0; j < 2 * L::VECTOR; j += 4) {
        Floats<4> four;
#pragma unroll
        for (int i = 0; i < 4; i++) {
          float sum = state.out[block * L::VECTOR + (j + i) % L::VECTOR]
                               [2 * half + (j + i) / L::VECTOR];
          four.value[i] = shrunk(sum, factor);
        }
        int dim = state.dim(block) + j;
        if (dim < headDim) {
          store4(out + to * headDim + dim, four);
        }
      }
    }
    if (threadIdx.x % 4 == 0 && lse != nullptr) {
      lse[to] = most + logf(total);
    }
  }
}

template <typename T, int D, bool SPLIT>
__device__ void paged_prefill(const Pool<T> &pool, const PageTable &table, const Item *items,
                              int chunkSlots, const Query &query, const Rope &rope,
                              const Masking &masking, const Bias &bias, const Results &results,
                              const Kept &kept) {
  using L = TileLayout<T, D, SPLIT>;
  extern __shared__ __align__(16) unsigned char shared[];
  float *queries = reinterpret_cast<float *>(shared);
  T *stages = reinterpret_cast<T *>(shared + L::QUERY_BYTES);
  TileState<T, D, SPLIT> state;
  {
    Share share(items, query, L::ROWS);
    load_queries<T, D, SPLIT>(share, query, rope, bias, pool.headDim, queries);
    Row row = table.row(share.item.row);
    int begin = share.item.chunk * chunkSlots;
    int end = min(row.length - begin, chunkSlots) + begin;
    TileRows rows{share.count, share.group, share.offset(), bias.slopes != nullptr,
                  kept.row(share.item.row, share.group)};
    attend_tiles(pool, row, begin, end, rows, masking, bias.slots, queries, stages, state);
  }
  Share share(items, query, L::ROWS);
  bool whole = table.row(share.item.row).length <= chunkSlots;
  store_results(share, whole, state, bias, results, pool.headDim);
}

// Blocks of a multiprocessor that there are registers for.
constexpr int tile_blocks(bool split, int dim) { return split && dim <= 64 ? 4 : 2; }

} // namespace

#define PAGED_PREFILL(NAME, TYPE, DIM, SPLIT)                                                      \
  extern "C" __global__ void __launch_bounds__((TileLayout<TYPE, DIM, SPLIT>::THREADS), tile_blocks(SPLIT, DIM)) \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, const int *lengths, const int *starts,              \
           const int *pages, const Item *items, int chunkSlots, const float *q,                    \
           const int *queryPositions, float scale, int kvHeads, int group, const float *rotation,  \
           int rotaryDim, int interleaved, int causal, int window, float softCap,                  \
           const float *slopes, const float *sinks, const float *slotBias, float *out, float *lse, \
           float *stateOut, float *stateLse, float *logits, const long long *slotStarts,           \
           const Floats<2> *scales, int f8) {                                                      \
    paged_prefill<TYPE, DIM, SPLIT>(                                                               \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}, scales,   \
         f8},                                                                                      \
        {lengths, starts, pages}, items, chunkSlots, {q, queryPositions, scale, kvHeads, group},   \
        {rotation, rotaryDim, interleaved}, {causal, window, softCap}, {slopes, sinks, slotBias},  \
        {out, lse, stateOut, stateLse}, {logits, slotStarts});                                     \
  }
