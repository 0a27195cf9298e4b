// Turns the keys of slots to other positions: by the rotation of the difference, in float, rounded
// once. A block has one page of a row, a warp one slot after the other of it; a lane keeps sines
// and cosines of its pairs while slots turn by the same difference, as neighbours mostly do.

#include "attention/angles.cuh"
#include "attention/pages.cuh"
#include "common/guard.cuh"

namespace {

constexpr int WARPS = 4;
constexpr int PAIRS = 4; // of a lane at most: 256 elements

__device__ void narrow(float x, float *to) { *to = x; }
__device__ void narrow(float x, __half *to) { *to = __float2half_rn(x); }

template <typename T>
__device__ void rerotate_keys(const Pool<T> &pool, const PageTable &table, const Chunk *chunks,
                              const double *frequencies, int pairs, int interleaved,
                              const long long *slotStarts, const int *positions,
                              Complaint *complaint, int kernel) {
  int lane = threadIdx.x % 32;
  Chunk chunk = chunks[blockIdx.x];
  Row row = table.row(chunk.row);
  int begin = chunk.index * pool.paging.slots;
  int end = min(row.length - begin, pool.paging.slots) + begin;
  int turn = 0;
  float cosines[PAIRS];
  float sines[PAIRS];
  for (int slot = begin + threadIdx.x / 32; slot < end; slot += WARPS) {
    long long at = row.at(pool.paging, slot);
    long long number = slotStarts[chunk.row] + slot;
    int position = positions[number];
    if (position < 0 || position == INT_MAX) {
      if (lane == 0) {
        complain(complaint, kernel, 0, number, position);
      }
      continue;
    }
    int delta = at < 0 ? 0 : position - pool.positions[at];
    if (delta == 0) {
      continue;
    }
    T *key = pool.keys + at * pool.headDim;
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
      int pair = lane + 32 * i;
      if (pair >= pairs) {
        break;
      }
      if (delta != turn) {
        double sine;
        double cosine;
        sine_and_cosine(delta * frequencies[pair], &sine, &cosine);
        cosines[i] = (float)cosine;
        sines[i] = (float)sine;
      }
      T *first = key + (interleaved ? 2 * pair : pair);
      T *second = key + (interleaved ? 2 * pair + 1 : pair + pairs);
      float a = widen(*first);
      float b = widen(*second);
      narrow(a * cosines[i] - b * sines[i], first);
      narrow(b * cosines[i] + a * sines[i], second);
    }
    turn = delta;
    __syncwarp();
    if (lane == 0) {
      pool.positions[at] = position;
    }
  }
}

} // namespace

#define REROTATE_KEYS(NAME, TYPE)                                                                  \
  extern "C" __global__ void __launch_bounds__(32 * WARPS)                                         \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, const int *lengths, const int *starts,              \
           const int *pages, const Chunk *chunks, const double *frequencies, int pairs,            \
           int interleaved, const long long *slotStarts, const int *wanted, Complaint *complaint,  \
           int kernel) {                                                                           \
    rerotate_keys<TYPE>(                                                                           \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}},          \
        {lengths, starts, pages}, chunks, frequencies, pairs, interleaved, slotStarts, wanted,     \
        complaint, kernel);                                                                        \
  }

REROTATE_KEYS(rerotate_keys_f32, float)
REROTATE_KEYS(rerotate_keys_f16, __half)
