// What follows the chunks of a decode step. The states of rows with several chunks become one: a
// warp merges those of one query head, in the order of the chunks. And the logits that were kept
// become scores, with the log-sum-exps of whole rows.

#include "attention/pages.cuh"

struct Merge {
  int row;
  int firstItem;
  int chunks;
};

extern "C" __global__ void __launch_bounds__(128)
    paged_decode_merge(const Merge *merges, const float *stateOut, const float *stateLse,
                       const float *sinks, float *out, float *lse, int kvHeads, int group,
                       int headDim) {
  int lane = threadIdx.x;
  int head = blockIdx.y * blockDim.y + threadIdx.y;
  if (head >= group) {
    return;
  }
  Merge merge = merges[blockIdx.x];
  const float *states = stateLse + (long long)merge.firstItem * group + head;
  float sink = Bias{nullptr, sinks, nullptr}.sink(merge.row % kvHeads * group + head);
  float most = sink;
  for (int chunk = lane; chunk < merge.chunks; chunk += 32) {
    most = fmaxf(most, states[(long long)chunk * group]);
  }
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    most = fmaxf(most, __shfl_xor_sync(WARP, most, lanes));
  }
  long long to = (long long)merge.row * group + head;
  for (int dim = 4 * lane; dim < headDim; dim += 128) {
    const float *from = stateOut + ((long long)merge.firstItem * group + head) * headDim + dim;
    float sum = weight(sink, most);
    Floats<4> four = {};
    for (int chunk = 0; chunk < merge.chunks; chunk++) {
      float share = weight(states[(long long)chunk * group], most);
      if (share == 0) {
        continue; // what it would be multiplied by may be infinite
      }
      Floats<4> add = load4(from + (long long)chunk * group * headDim);
      sum += share;
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
    store4(out + to * headDim + dim, four);
    if (dim == 0 && lse != nullptr) {
      lse[to] = most + logf(sum);
    }
  }
}

namespace {

constexpr int SCORE_WARPS = 4;
constexpr int PIECE = 16; // heads at once

// Place of a number of a warp: lanes that each read a run of an even number of them meet in no bank.
__device__ int spread(int i, int run) { return run % 2 == 0 ? i + i / 32 : i; }

} // namespace

// score = factor * sum over the heads of a group of exp(logit - lse), 0 where the logit is masked.
// A warp takes 32 slots: neighbouring lanes read neighbouring logits, then each adds those of one
// slot, in the order of the heads.
extern "C" __global__ void __launch_bounds__(32 * SCORE_WARPS)
    paged_decode_scores(const Chunk *chunks, int chunkSlots, const int *lengths,
                        const float *logits, const long long *slotStarts, const float *lse,
                        float *scores, int group, float factor) {
  __shared__ float logs[PIECE];
  __shared__ float weights[SCORE_WARPS][32 * PIECE + PIECE];
  int lane = threadIdx.x % 32;
  int warp = threadIdx.x / 32;
  Chunk chunk = chunks[blockIdx.x];
  int begin = chunk.index * chunkSlots;
  int end = min(lengths[chunk.row] - begin, chunkSlots) + begin;
  for (int round = begin; round < end; round += 32 * SCORE_WARPS) {
    int first = round + 32 * warp;
    float sum = 0;
    for (int from = 0; from < group; from += PIECE) {
      int piece = min(PIECE, group - from);
      __syncthreads();
      if (threadIdx.x < piece) {
        logs[threadIdx.x] = lse[(long long)chunk.row * group + from + threadIdx.x];
      }
      __syncthreads();
      const float *kept = logits + (slotStarts[chunk.row] + first) * group + from;
      for (int i = lane; i < min(32, end - first) * piece; i += 32) {
        int slot = i / piece;
        int head = i - slot * piece;
        float logit = kept[(long long)slot * group + head];
        // A masked score is 0 even where the log-sum-exp is no number.
        weights[warp][spread(i, piece)] = logit == -INFINITY ? 0 : expf(logit - logs[head]);
      }
      __syncwarp();
      for (int head = 0; head < piece && first + lane < end; head++) {
        sum += weights[warp][spread(lane * piece + head, piece)];
      }
      __syncwarp();
    }
    if (first + lane < end) {
      scores[slotStarts[chunk.row] + first + lane] = sum * factor;
    }
  }
}
