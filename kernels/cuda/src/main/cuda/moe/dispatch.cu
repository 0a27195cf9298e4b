// A stable counting sort of choices by expert. Each block is one warp with a piece of the choices of
// its own: it counts them by expert, one block turns the counts into offsets, and then each warp
// walks its piece in order again and gives out slots.

#include "common/guard.cuh"

namespace {

constexpr int LANES = 32;
constexpr unsigned ALL = 0xffffffffu;
constexpr int SCAN_THREADS = 1024;

// Counters of a warp by expert: in shared memory where they fit, else in the workspace itself.
extern __shared__ int shared[];

__device__ int expert_of(const int *ids, long long choice, long long stop, int experts) {
  int id = choice < stop ? ids[choice] : -1;
  return id >= 0 && id < experts ? id : -1;
}

// Calls `found(choice, expert, earlier choices of that expert)` for the choices of a piece in order;
// -1 for those that are not routed. Counts on in `counters`.
template <typename Found>
__device__ void walk(const int *ids, long long start, long long stop, int experts, int *counters,
                     Found found) {
  int lane = threadIdx.x;
  for (long long from = start; from < stop; from += LANES) {
    long long choice = from + lane;
    int expert = expert_of(ids, choice, stop, experts);
    unsigned alike = __match_any_sync(ALL, expert);
    int before = __popc(alike & ((1u << lane) - 1));
    int count = expert < 0 ? 0 : counters[expert];
    __syncwarp();
    if (expert >= 0 && before == 0) {
      counters[expert] = count + __popc(alike);
    }
    __syncwarp();
    if (choice < stop) {
      found(choice, expert, count + before);
    }
  }
}

__device__ int padded(int count, int capacity, int tile) {
  int taken = capacity == 0 ? count : min(count, capacity);
  return (taken + tile - 1) / tile * tile;
}

} // namespace

extern "C" __global__ void __launch_bounds__(32)
    dispatch_count(const int *ids, int choices, int piece, int experts, int *counts, int in_shared,
                   Complaint *complaint, int kernel) {
  int *mine = counts + (long long)blockIdx.x * experts;
  int *counters = in_shared ? shared : mine;
  for (int e = threadIdx.x; e < experts; e += LANES) {
    counters[e] = 0;
  }
  __syncwarp();
  long long start = (long long)blockIdx.x * piece;
  long long stop = min(start + piece, (long long)choices);
  walk(ids, start, stop, experts, counters, [&](long long choice, int expert, int) {
    if (expert < 0 && ids[choice] != -1) {
      complain(complaint, kernel, 0, choice, ids[choice]);
    }
  });
  if (in_shared) {
    for (int e = threadIdx.x; e < experts; e += LANES) {
      mine[e] = counters[e];
    }
  }
}

// offsets[e], and counts[piece][e] become the choices of e in earlier pieces.
extern "C" __global__ void __launch_bounds__(1024)
    dispatch_offsets(int *counts, int pieces, int experts, int capacity, int tile, int *offsets,
                     int *takes) {
  __shared__ int sums[LANES];
  int warp = threadIdx.x / LANES;
  int lane = threadIdx.x % LANES;
  int behind = 0; // slots of all experts before this round's
  for (int from = 0; from < experts; from += SCAN_THREADS) {
    int e = from + threadIdx.x;
    int count = 0;
    if (e < experts) {
      for (int piece = 0; piece < pieces; piece++) {
        int *at = counts + (long long)piece * experts + e;
        int here = *at;
        *at = count;
        count += here;
      }
      takes[e] = capacity == 0 ? count : min(count, capacity);
    }
    int slots = e < experts ? padded(count, capacity, tile) : 0;
    int until = slots; // of this warp up to and with this lane
    for (int away = 1; away < LANES; away *= 2) {
      int other = __shfl_up_sync(ALL, until, away);
      until += lane >= away ? other : 0;
    }
    if (lane == LANES - 1) {
      sums[warp] = until;
    }
    __syncthreads();
    int before = behind;
    for (int w = 0; w < LANES; w++) {
      before += w < warp ? sums[w] : 0;
      behind += sums[w];
    }
    if (e < experts) {
      offsets[e] = before + until - slots;
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    offsets[experts] = behind;
  }
}

extern "C" __global__ void __launch_bounds__(32)
    dispatch_place(const int *ids, int choices, int piece, int experts, int *counts, int in_shared,
                   int capacity, const int *offsets, const int *takes, int all_slots, int *order,
                   int *slots) {
  int *mine = counts + (long long)blockIdx.x * experts;
  int *counters = in_shared ? shared : mine;
  if (in_shared) {
    for (int e = threadIdx.x; e < experts; e += LANES) {
      counters[e] = mine[e];
    }
  }
  __syncwarp();
  long long start = (long long)blockIdx.x * piece;
  long long stop = min(start + piece, (long long)choices);
  walk(ids, start, stop, experts, counters, [&](long long choice, int expert, int rank) {
    bool placed = expert >= 0 && (capacity == 0 || rank < capacity);
    int slot = placed ? offsets[expert] + rank : -1;
    slots[choice] = slot;
    if (placed) {
      order[slot] = (int)choice;
    }
  });
  // Padding, and the slots behind all segments.
  int step = gridDim.x * LANES;
  int thread = blockIdx.x * LANES + threadIdx.x;
  for (int e = thread; e < experts; e += step) {
    for (int slot = offsets[e] + takes[e]; slot < offsets[e + 1]; slot++) {
      order[slot] = -1;
    }
  }
  for (long long slot = (long long)offsets[experts] + thread; slot < all_slots; slot += step) {
    order[slot] = -1;
  }
}
