// What a query may find in each page, by the bounds of its keys. A block has some pages of a row
// and the queries of its group in shared memory; a warp takes one page after the other, a lane
// four elements at a time.

#include "attention/pages.cuh"

namespace {

constexpr int WARPS = 4;
constexpr int QUADS = 2; // of a lane at most: 256 elements

// The larger one; NaN where one is.
__device__ float larger(float a, float b) { return isnan(a) || a > b ? a : b; }

} // namespace

extern "C" __global__ void __launch_bounds__(32 * WARPS)
    score_pages(int headDim, int headPages, int pageSize, unsigned pageFactor, int pageShift,
                const int *lengths, const int *starts, const int *pages, const Chunk *chunks,
                int chunkPages, const int *pageStarts, const float *q, float scale, int kvHeads,
                int group, const float *rotation, int rotaryDim, int interleaved, int mixes,
                float mix, int sums, const float *bounds, float *scores) {
  extern __shared__ Floats<4> queries[];
  Rope rope{rotation, rotaryDim, interleaved};
  Chunk chunk = chunks[blockIdx.x];
  Row row = PageTable{lengths, starts, pages}.row(chunk.row);
  int quads = headDim / 4;
  for (int i = threadIdx.x; i < group * quads; i += 32 * WARPS) {
    const float *head = q + ((long long)chunk.row * group + i / quads) * headDim;
    Floats<4> four = rope.rotated4(head, i % quads * 4, chunk.row / kvHeads);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      four.value[j] *= scale;
    }
    queries[i] = four;
  }
  __syncthreads();
  int lane = threadIdx.x % 32;
  int used = (row.length + pageSize - 1) / pageSize;
  int end = min(used, (chunk.index + 1) * chunkPages);
  for (int index = chunk.index * chunkPages + threadIdx.x / 32; index < end; index += WARPS) {
    int page = row.pages[index];
    if ((unsigned)page >= (unsigned)headPages) {
      continue;
    }
    const float *least = bounds + 2LL * page * headDim;
    Floats<4> low[QUADS] = {};
    Floats<4> high[QUADS] = {};
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
      int quad = lane + 32 * i;
      if (quad < quads) {
        low[i] = load4(least + 4 * quad);
        high[i] = load4(least + headDim + 4 * quad);
      }
    }
    float score = sums ? 0 : -INFINITY;
    for (int head = 0; head < group; head++) {
      float sum = 0;
#pragma unroll
      for (int i = 0; i < QUADS; i++) {
        int quad = lane + 32 * i;
        if (quad < quads) {
          Floats<4> query = queries[head * quads + quad];
#pragma unroll
          for (int j = 0; j < 4; j++) {
            float x = query.value[j];
            sum = mixes ? fmaf(x, mix * high[i].value[j] + (1 - mix) * low[i].value[j], sum)
                        : sum + larger(x * low[i].value[j], x * high[i].value[j]);
          }
        }
      }
#pragma unroll
      for (int lanes = 16; lanes > 0; lanes /= 2) {
        sum += __shfl_xor_sync(WARP, sum, lanes);
      }
      score = sums ? score + sum : larger(score, sum);
    }
    if (lane == 0) {
      scores[pageStarts[chunk.row] + index] = score;
    }
  }
}
