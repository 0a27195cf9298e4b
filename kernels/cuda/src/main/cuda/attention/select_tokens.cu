// Chooses the slots of a row that are kept: protected ones, then larger scores, then lower slots. A
// block has one row. Scores become unsigned keys that rise with them; the k-th largest key is found
// a byte at a time by counting, and a last pass writes the slots above it, and as many of those
// equal to it as still fit, in their order. Keys of the first slots stay in shared memory.

#include "attention/pages.cuh"
#include "attention/score_key.cuh"
#include "common/guard.cuh"

namespace {

constexpr int THREADS = 512;
constexpr int WARPS = THREADS / 32;
constexpr int DIGITS = 256;
constexpr unsigned PROTECTED = 0xffffffffu; // above the keys of all floats

// The keys of a row.
struct Keys {
  const float *scores;
  const int *positions;
  Paging paging;
  Row row;
  int prefix;        // positions below are protected
  long long recents; // and these and later ones
  unsigned *cache;
  int cached;

  __device__ unsigned compute(int slot) const {
    long long at = row.at(paging, slot);
    int position = at < 0 ? INT_MAX : positions[at];
    return position < prefix || position >= recents ? PROTECTED : score_key(scores[slot]);
  }
  __device__ unsigned operator[](int slot) const {
    return slot < cached ? cache[slot] : compute(slot);
  }
};

// The k-th largest key, and how many keys equal to it are among the k largest.
struct Least {
  unsigned key;
  int ties;
};

// Finds the digit of the k-th largest key among those counted; the lanes of a warp have 8 digits
// each, from the highest down.
__device__ void find_digit(const int *counts, int shift, Least *least) {
  constexpr int EACH = DIGITS / 32;
  int lane = threadIdx.x;
  int top = DIGITS - 1 - EACH * lane;
  int sum = 0;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    sum += counts[top - i];
  }
  int upTo = sum;
#pragma unroll
  for (int lanes = 1; lanes < 32; lanes *= 2) {
    int before = __shfl_up_sync(WARP, upTo, lanes);
    upTo += lane < lanes ? 0 : before;
  }
  int rest = least->ties;
  __syncwarp();
  if (upTo - sum < rest && rest <= upTo) {
    rest -= upTo - sum;
    int digit = top;
    while (rest > counts[digit]) {
      rest -= counts[digit--];
    }
    least->key |= (unsigned)digit << shift;
    least->ties = rest;
  }
}

__device__ Least find(const Keys &keys, int k) {
  __shared__ int counts[DIGITS];
  __shared__ Least least;
  if (threadIdx.x == 0) {
    least = Least{0, k};
  }
  unsigned fixed = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = threadIdx.x; i < DIGITS; i += THREADS) {
      counts[i] = 0;
    }
    __syncthreads();
    unsigned known = least.key;
    for (int slot = threadIdx.x; slot < keys.row.length; slot += THREADS) {
      unsigned key = shift == 24 ? keys.compute(slot) : keys[slot];
      if (shift == 24 && slot < keys.cached) {
        keys.cache[slot] = key;
      }
      if ((key & fixed) == known) {
        atomicAdd(&counts[key >> shift & (DIGITS - 1)], 1);
      }
    }
    __syncthreads();
    if (threadIdx.x < 32) {
      find_digit(counts, shift, &least);
    }
    __syncthreads();
    fixed |= (DIGITS - 1u) << shift;
  }
  return least;
}

// Writes the slots of the k largest keys.
__device__ void write(const Keys &keys, const Least &least, int *kept) {
  __shared__ int counts[2][WARPS][2]; // of a round: keys above the least, and equal to it
  int warp = threadIdx.x / 32;
  unsigned lower = (1u << threadIdx.x % 32) - 1;
  int above = 0; // before the round
  int equal = 0;
  for (int base = 0, round = 0; base < keys.row.length; base += THREADS, round ^= 1) {
    int slot = base + threadIdx.x;
    unsigned key = slot < keys.row.length ? keys[slot] : 0;
    bool isAbove = slot < keys.row.length && key > least.key;
    bool isEqual = slot < keys.row.length && key == least.key;
    unsigned aboves = __ballot_sync(WARP, isAbove);
    unsigned equals = __ballot_sync(WARP, isEqual);
    if (threadIdx.x % 32 == 0) {
      counts[round][warp][0] = __popc(aboves);
      counts[round][warp][1] = __popc(equals);
    }
    __syncthreads();
    int aboveHere = above + __popc(aboves & lower);
    int equalHere = equal + __popc(equals & lower);
    for (int other = 0; other < WARPS; other++) {
      int moreAbove = counts[round][other][0];
      int moreEqual = counts[round][other][1];
      aboveHere += other < warp ? moreAbove : 0;
      equalHere += other < warp ? moreEqual : 0;
      above += moreAbove;
      equal += moreEqual;
    }
    if (isAbove || (isEqual && equalHere < least.ties)) {
      kept[aboveHere + min(equalHere, least.ties)] = slot;
    }
  }
}

} // namespace

extern "C" __global__ void __launch_bounds__(THREADS)
    select_tokens(int *positions, int headPages, int pageSize, unsigned pageFactor, int pageShift,
                  const int *lengths, const int *starts, const int *pages,
                  const long long *slotStarts, const int *nexts, int kvHeads, int prefix,
                  int recents, const float *scores, const int *budgets, int *kept, int cached,
                  Complaint *complaint, int kernel) {
  extern __shared__ unsigned cache[];
  int index = blockIdx.x;
  Row row = PageTable{lengths, starts, pages}.row(index);
  int budget = budgets[index];
  if (budget < 0 && threadIdx.x == 0) {
    complain(complaint, kernel, 0, index, budget);
  }
  int count = max(0, min(budget, row.length));
  int *to = kept + slotStarts[index];
  if (count > 0) {
    Keys keys{scores + slotStarts[index],
              positions,
              {headPages, pageSize, pageFactor, pageShift},
              row,
              prefix,
              (long long)nexts[index / kvHeads] - recents,
              cache,
              cached};
    write(keys, find(keys, count), to);
  }
  for (int slot = count + threadIdx.x; slot < row.length; slot += THREADS) {
    to[slot] = -1;
  }
}
