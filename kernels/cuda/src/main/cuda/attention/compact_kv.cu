// Moves slot kept[i] of each row to slot i: keys and values 16 bytes a thread, then positions and
// the numbers beside the slots 4 bytes a thread.
//
// Slots move in place, so a block has some columns of all slots of a row and goes over them in
// their order: it reads some slots, waits, and writes. What it writes lies below all that it still
// reads, because kept[i] >= i; a slot that stays is not touched at all.

#include "attention/pages.cuh"
#include "common/guard.cuh"

namespace {

constexpr int UNROLL = 4;

// What a row was and shall be, and where its slots go.
struct Move {
  PageTable from;
  PageTable to;
  const long long *slotStarts;
  const int *sharedSlots; // of each row, from its start on, in pages of other rows too
  const int *kept;
};

// Columns first to first + blockDim.x, of width, of the slots of the block's row. A block has
// blockDim.y slots at once, UNROLL times.
template <typename V>
__device__ void compact(V *data, int width, int first, const Paging &paging, const Move &move,
                        Complaint *complaint, int kernel) {
  Row from = move.from.row(blockIdx.x);
  Row to = move.to.row(blockIdx.x);
  long long start = move.slotStarts[blockIdx.x];
  int shared = move.sharedSlots[blockIdx.x];
  int column = first + threadIdx.x;
  for (int base = 0; base < to.length; base += UNROLL * blockDim.y) {
    V parts[UNROLL];
    long long targets[UNROLL];
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      int i = base + u * blockDim.y + threadIdx.y;
      targets[u] = -1;
      if (i >= to.length) {
        continue;
      }
      int slot = move.kept[start + i];
      if (slot < i || slot >= from.length || (slot != i && i < shared)) {
        if (threadIdx.x == 0) {
          complain(complaint, kernel, 0, start + i, slot);
        }
        continue;
      }
      long long source = from.at(paging, slot);
      long long target = to.at(paging, i);
      if (column < width && source >= 0 && target >= 0 && source != target) {
        targets[u] = target * width + column;
        parts[u] = data[source * width + column];
      }
    }
    __syncthreads();
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      if (targets[u] >= 0) {
        data[targets[u]] = parts[u];
      }
    }
  }
}

} // namespace

#define COMPACT_KV(NAME, TYPE)                                                                     \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(TYPE *data, TYPE *other, int width, int headPages, int pageSize, unsigned pageFactor,   \
           int pageShift, const int *fromLengths, const int *fromStarts, const int *fromPages,     \
           const int *toLengths, const int *toStarts, const int *toPages,                          \
           const long long *slotStarts, const int *sharedSlots, const int *kept,                   \
           Complaint *complaint, int kernel) {                                                     \
    compact(blockIdx.z == 0 ? data : other, width, blockIdx.y * blockDim.x,                        \
            {headPages, pageSize, pageFactor, pageShift},                                          \
            {{fromLengths, fromStarts, fromPages},                                                 \
             {toLengths, toStarts, toPages},                                                       \
             slotStarts,                                                                           \
             sharedSlots,                                                                          \
             kept},                                                                                \
            complaint, kernel);                                                                    \
  }

COMPACT_KV(compact_kv_wide, uint4)
COMPACT_KV(compact_kv_numbers, unsigned)
