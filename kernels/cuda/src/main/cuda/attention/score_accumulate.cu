// Adds the scores of a step to the numbers beside each slot, computed in double and rounded once:
//
//   sum      a += s
//   moments  (c, m, M) = (c + n, m + d n / (c + n), M + v (n - 1) + d^2 c n / (c + n)), d = s - m
//
// A thread has one slot. Products and sums are rounded one by one, as the contract's bits want it.

#include "attention/pages.cuh"

namespace {

constexpr int THREADS = 128;

// The share of a thread.
struct Place {
  int observations; // of the row; 0: it stays as it is
  long long at;     // the slot in the pool, or -1
  long long from;   // its score
};

__device__ Place place(const Chunk *chunks, const int *observations, const Paging &paging,
                       const PageTable &table, const long long *slotStarts, int kvHeads) {
  Chunk chunk = chunks[blockIdx.x];
  Row row = table.row(chunk.row);
  int slot = chunk.index * THREADS + threadIdx.x;
  return Place{observations[chunk.row / kvHeads], slot < row.length ? row.at(paging, slot) : -1,
               slotStarts[chunk.row] + slot};
}

} // namespace

extern "C" __global__ void __launch_bounds__(THREADS)
    score_accumulate_sum(float *array, const float *scores, int restart, const Chunk *chunks,
                         const int *observations, int headPages, int pageSize, unsigned pageFactor,
                         int pageShift, const int *lengths, const int *starts, const int *pages,
                         const long long *slotStarts, int kvHeads) {
  Place mine = place(chunks, observations, {headPages, pageSize, pageFactor, pageShift},
                     {lengths, starts, pages}, slotStarts, kvHeads);
  if (mine.observations > 0 && mine.at >= 0) {
    float score = scores[mine.from];
    array[mine.at] = restart ? score : __fadd_rn(array[mine.at], score);
  }
}

// Neighbouring lanes load and store neighbouring numbers, three for each slot of the warp, and
// exchange them in shared memory.
extern "C" __global__ void __launch_bounds__(THREADS)
    score_accumulate_moments(float *array, const float *scores, const float *variances,
                             int restart, const Chunk *chunks, const int *observations,
                             int headPages, int pageSize, unsigned pageFactor, int pageShift,
                             const int *lengths, const int *starts, const int *pages,
                             const long long *slotStarts, int kvHeads) {
  __shared__ float exchange[3 * THREADS];
  Place mine = place(chunks, observations, {headPages, pageSize, pageFactor, pageShift},
                     {lengths, starts, pages}, slotStarts, kvHeads);
  int n = mine.observations;
  if (n == 0) {
    return; // the whole block
  }
  int lane = threadIdx.x % 32;
  float *numbers = exchange + 3 * (threadIdx.x - lane);
  long long places[3];
#pragma unroll
  for (int i = 0; i < 3; i++) {
    int number = 32 * i + lane;
    long long at = __shfl_sync(WARP, mine.at, number / 3);
    places[i] = at < 0 ? -1 : 3 * at + number % 3;
    numbers[number] = at < 0 || restart ? 0 : array[places[i]];
  }
  __syncwarp();
  double count = numbers[3 * lane];
  double mean = numbers[3 * lane + 1];
  double squares = numbers[3 * lane + 2];
  if (mine.at >= 0) {
    double score = scores[mine.from];
    double variance = variances == nullptr ? 0 : variances[mine.from];
    double delta = __dsub_rn(score, mean);
    double total = __dadd_rn(count, n);
    double between = __dmul_rn(__dmul_rn(__dmul_rn(delta, delta), count), n);
    squares = __dadd_rn(__dadd_rn(squares, __dmul_rn(variance, n - 1)),
                        __ddiv_rn(between, total));
    mean = __dadd_rn(mean, __ddiv_rn(__dmul_rn(delta, n), total));
    count = total;
  }
  __syncwarp();
  numbers[3 * lane] = (float)count;
  numbers[3 * lane + 1] = (float)mean;
  numbers[3 * lane + 2] = (float)squares;
  __syncwarp();
#pragma unroll
  for (int i = 0; i < 3; i++) {
    if (places[i] >= 0) {
      array[places[i]] = numbers[32 * i + lane];
    }
  }
}
