// Attention of one query token a request, for groups of up to 4 query heads; larger ones multiply
// matrices, see paged_prefill.cuh. A block takes one chunk of the slots of one row for all query
// heads of the group, so keys and values are read once. Chunks depend on the row's length only; the
// states of a row with several are merged by a second kernel, in their order.
//
// A thread reads back what it and its neighbours have copied, see decode_slots.cuh, and every group
// of lanes carries a softmax of its own until the end of the chunk.
#pragma once

#include "attention/decode_slots.cuh"
#include "attention/paged_prefill.cuh"

namespace {

// A softmax under way: out is the weighted sum so far, sum the sum of the weights.
template <int QUADS> struct State {
  float most;
  float sum;
  Floats<4> out[QUADS];
};

// What is asked for beside the softmax: ALiBi, numbers beside the slots, and the logits.
struct Extras {
  const float *slopes; // of the heads, or null
  bool biased;
  float *logits; // of the thread's first slot and of the head that it stores, or null
  int group;
  int slots; // from the thread's first to the end
};

// Takes the slots of a stage into the states of all heads.
template <typename T, int D, int GROUP>
__device__ void attend(const Pool<T> &pool, const Stage &stage, const Beside<T, D> &beside,
                       const Floats<4> *query, unsigned visible, const Masking &masking,
                       const Extras &extras, State<Layout<T, D>::QUADS> *states) {
  using L = Layout<T, D>;
  float keys[L::SLOTS][4 * L::QUADS];
  float values[L::SLOTS][4 * L::QUADS];
  unpack<T, D>(pool, stage[0], keys);
  unpack<T, D>(pool, stage[1], values);
  float mine[L::SLOTS]; // logits of the head that the thread stores
#pragma unroll
  for (int head = 0; head < GROUP; head++) {
    float logits[L::SLOTS] = {};
#pragma unroll
    for (int quad = 0; quad < L::QUADS; quad++) {
      Floats<4> q = query[(head * L::QUADS + quad) * L::LANES + L::lane()];
#pragma unroll
      for (int i = 0; i < L::SLOTS; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          logits[i] = fmaf(q.value[j], keys[i][4 * quad + j], logits[i]);
        }
      }
    }
    State<L::QUADS> &state = states[head];
    float most = state.most;
#pragma unroll
    for (int i = 0; i < L::SLOTS; i++) {
      int slot = L::part() * L::SLOTS + i;
#pragma unroll
      for (int lanes = L::LANES / 2; lanes > 0; lanes /= 2) {
        logits[i] += __shfl_xor_sync(WARP, logits[i], lanes);
      }
      if (pool.coded()) {
        logits[i] *= beside.scales[slot].value[0];
      }
      logits[i] = masking.capped(logits[i]);
      if (extras.slopes != nullptr) {
        logits[i] = fmaf(extras.slopes[head], (float)beside.distances[slot], logits[i]);
      }
      if (extras.biased) {
        logits[i] += beside.biases[slot];
      }
      logits[i] = visible >> i & 1 ? logits[i] : -INFINITY;
      most = fmaxf(most, logits[i]);
      mine[i] = head == 0 || L::lane() == head ? logits[i] : mine[i];
    }
    float keep = weight(state.most, most);
    state.most = most;
    state.sum *= keep;
#pragma unroll
    for (int quad = 0; quad < L::QUADS; quad++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        state.out[quad].value[j] = shrunk(state.out[quad].value[j], keep);
      }
    }
#pragma unroll
    for (int i = 0; i < L::SLOTS; i++) {
      float share = weight(logits[i], most);
      state.sum += share;
      if (share == 0) {
        continue; // what it would be multiplied by may be infinite
      }
      if (pool.coded()) {
        share *= beside.scales[L::part() * L::SLOTS + i].value[1];
      }
#pragma unroll
      for (int quad = 0; quad < L::QUADS; quad++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          state.out[quad].value[j] =
              fmaf(share, values[i][4 * quad + j], state.out[quad].value[j]);
        }
      }
    }
  }
  if (extras.logits != nullptr) {
#pragma unroll
    for (int i = 0; i < L::SLOTS; i++) {
      if (i * L::PARTS < extras.slots) {
        extras.logits[i * L::PARTS * extras.group] = mine[i];
      }
    }
  }
}

template <typename T, int D, int GROUP>
__device__ void paged_decode(const Pool<T> &pool, const PageTable &table, const Chunk *chunks,
                             int chunkSlots, const Query &query, const Rope &rope,
                             const Masking &masking, const Bias &bias, const Results &results,
                             const Kept &kept) {
  using L = Layout<T, D>;
  static_assert(L::PARTS * GROUP * D * sizeof(float) <= STAGES * 2 * COPIES * THREADS * 16,
                "the states of all parts take the place of the stages");
  __shared__ Stage stages[STAGES];
  __shared__ Beside<T, D> besides[STAGES];
  __shared__ Floats<4> queries[GROUP * D / 4];
  __shared__ float mosts[GROUP][L::PARTS];
  __shared__ float sums[GROUP][L::PARTS];
  __shared__ float slopes[GROUP];

  Chunk chunk = chunks[blockIdx.x];
  int request = chunk.row / query.kvHeads;
  int firstHead = chunk.row % query.kvHeads * query.group;
  const float *q =
      query.q + ((long long)request * query.kvHeads * query.group + firstHead) * pool.headDim;
  for (int i = threadIdx.x; i < GROUP * D / 4; i += THREADS) {
    int head = i / (D / 4);
    int dim = L::dim(i / L::LANES % L::QUADS, i % L::LANES);
    Floats<4> four = {};
    if (head < query.group && dim < pool.headDim) {
      four = rope.rotated4(q + head * pool.headDim, dim, request);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        four.value[j] *= query.scale;
      }
    }
    queries[i] = four;
  }
  if (bias.slopes != nullptr && threadIdx.x < GROUP) {
    slopes[threadIdx.x] = threadIdx.x < query.group ? bias.slopes[firstHead + threadIdx.x] : 0;
  }
  __syncthreads();

  Row row = table.row(chunk.row);
  int begin = chunk.index * chunkSlots;
  int end = min(row.length - begin, chunkSlots) + begin;
  int position = query.positions[request];
  Finder<T, D> finder{pool, row, end, masking.first(position), masking.last(position)};
  State<L::QUADS> states[GROUP];
#pragma unroll
  for (int head = 0; head < GROUP; head++) {
    states[head].most = -INFINITY;
    states[head].sum = 0;
#pragma unroll
    for (int quad = 0; quad < L::QUADS; quad++) {
      states[head].out[quad] = {};
    }
  }

  finder.find_page(begin);
  finder.find_position();
  finder.find_page(begin + L::TILE);
  unsigned visible = 0;
  // From the row's first slot and the head whose logits the thread stores.
  float *logits = L::lane() < query.group ? kept.row(chunk.row, query.group) : nullptr;
  for (int tile = begin - L::TILE, stage = 1; tile < end; tile += L::TILE, stage ^= 1) {
    // The tile behind the one to be computed; the first round only fetches.
    unsigned next = finder.visible();
    __syncwarp(); // the neighbours have read what lies there
    fetch<T, D>(finder, next, stages[stage ^ 1]);
    fetch_beside(finder, bias, position, besides[stage ^ 1]);
    commit_copies();
    finder.find_position();
    finder.find_page(tile + 3 * L::TILE);
    if (tile >= begin) {
      await_copies<1>();
      __syncwarp();
      int slot = tile + L::part();
      Extras extras{bias.slopes == nullptr ? nullptr : slopes, bias.slots != nullptr,
                    logits == nullptr ? nullptr
                                      : logits + (long long)slot * query.group + L::lane(),
                    query.group, end - slot};
      attend<T, D, GROUP>(pool, stages[stage], besides[stage], queries, visible, masking, extras,
                          states);
    }
    visible = next;
  }
  await_copies<0>();
  __syncthreads();

  // One state for the block: the parts are added in their order.
  Floats<4> *outs = reinterpret_cast<Floats<4> *>(stages);
#pragma unroll
  for (int head = 0; head < GROUP; head++) {
    if (L::lane() == 0) {
      mosts[head][L::part()] = states[head].most;
      sums[head][L::part()] = states[head].sum;
    }
#pragma unroll
    for (int quad = 0; quad < L::QUADS; quad++) {
      outs[((L::part() * GROUP + head) * L::QUADS + quad) * L::LANES + L::lane()] =
          states[head].out[quad];
    }
  }
  __syncthreads();
  bool whole = row.length <= chunkSlots;
  long long head0 = (whole ? chunk.row : (long long)blockIdx.x) * query.group;
  float *out = (whole ? results.out : results.stateOut) + head0 * pool.headDim;
  float *lse = whole ? results.lse : results.stateLse;
  for (int i = threadIdx.x; i < query.group * D / 4; i += THREADS) {
    int head = i / (D / 4);
    int dim = L::dim(i / L::LANES % L::QUADS, i % L::LANES);
    float sink = whole ? bias.sink(firstHead + head) : -INFINITY;
    float most = sink;
#pragma unroll
    for (int p = 0; p < L::PARTS; p++) {
      most = fmaxf(most, mosts[head][p]);
    }
    float sum = weight(sink, most);
    Floats<4> four = {};
#pragma unroll
    for (int p = 0; p < L::PARTS; p++) {
      float share = weight(mosts[head][p], most);
      if (share == 0) {
        continue; // what it would be multiplied by may be infinite
      }
      Floats<4> add = outs[p * GROUP * D / 4 + i];
      sum += share * sums[head][p];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        four.value[j] = fmaf(share, add.value[j], four.value[j]);
      }
    }
    float factor = sum == 0 ? 0 : 1 / sum;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      four.value[j] *= factor;
    }
    if (dim < pool.headDim) {
      store4(out + head * pool.headDim + dim, four);
    }
    if (dim == 0 && lse != nullptr) {
      lse[head0 + head] = most + logf(sum);
    }
  }
}

// Blocks of a multiprocessor that there are registers for; one more would spill.
constexpr int blocks(int group, int dim, bool narrow) {
  return group == 1 ? (narrow ? 4 : 5) : group == 2 && dim > 64 ? 4 : 3;
}

} // namespace

#define PAGED_DECODE(NAME, TYPE, DIM, GROUP)                                                       \
  extern "C" __global__ void __launch_bounds__(THREADS, blocks(GROUP, DIM, MAY_BE_CODES<TYPE>))                          \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, const int *lengths, const int *starts,              \
           const int *pages, const Chunk *chunks, int chunkSlots, const float *q,                  \
           const int *queryPositions, float scale, int kvHeads, int group, const float *rotation,  \
           int rotaryDim, int interleaved, int causal, int window, float softCap,                  \
           const float *slopes, const float *sinks, const float *slotBias, float *out, float *lse, \
           float *stateOut, float *stateLse, float *logits, const long long *slotStarts,           \
           const Floats<2> *scales, int f8) {                                                      \
    paged_decode<TYPE, DIM, GROUP>(                                                                \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}, scales,   \
         f8},                                                                                      \
        {lengths, starts, pages}, chunks, chunkSlots, {q, queryPositions, scale, kvHeads, group},  \
        {rotation, rotaryDim, interleaved}, {causal, window, softCap}, {slopes, sinks, slotBias},  \
        {out, lse, stateOut, stateLse}, {logits, slotStarts});                                     \
  }
#define PAGED_DECODE_GROUPS(NAME, TYPE, DIM)                                                       \
  PAGED_DECODE(NAME##_g1, TYPE, DIM, 1)                                                            \
  PAGED_DECODE(NAME##_g2, TYPE, DIM, 2)                                                            \
  PAGED_DECODE(NAME##_g4, TYPE, DIM, 4)                                                            \
  PAGED_PREFILL(NAME##_tile, TYPE, DIM, true)
