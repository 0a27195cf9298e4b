// Turns the keys of slots to other positions: by the rotation of the difference, in float, rounded
// once. A block has one page of a row, a warp one slot after the other of it; a lane keeps sines
// and cosines of its pairs while slots turn by the same difference, as neighbours mostly do. Codes
// get another scale, so that the elements that do not turn are written too.

#include "attention/angles.cuh"
#include "attention/scales.cuh"
#include "common/guard.cuh"

namespace {

constexpr int WARPS = 4;
constexpr int PAIRS = 4; // of a lane at most: 256 elements

// The elements of a pair, of those that turn and then of the others.
struct Pair {
  int first;
  int second;
};

__device__ Pair pair_at(int pair, int turning, int interleaved) {
  return interleaved || pair >= turning ? Pair{2 * pair, 2 * pair + 1}
                                        : Pair{pair, pair + turning};
}

template <typename T>
__device__ void rerotate_keys(const Pool<T> &pool, float *scales, const PageTable &table,
                              const Chunk *chunks, const double *frequencies, int turning,
                              int interleaved, const long long *slotStarts, const int *positions,
                              Complaint *complaint, int kernel) {
  int lane = threadIdx.x % 32;
  int pairs = CODED<T> ? pool.headDim / 2 : turning;
  Chunk chunk = chunks[blockIdx.x];
  Row row = table.row(chunk.row);
  int begin = chunk.index * pool.paging.slots;
  int end = min(row.length - begin, pool.paging.slots) + begin;
  int page = row.pages[chunk.index];
  long long first = slotStarts[chunk.row];
  int turn = 0;
  float cosines[PAIRS];
  float sines[PAIRS];
  for (int slot = begin + threadIdx.x / 32; slot < end; slot += WARPS) {
    long long at = pool.paging.at(page, slot);
    int position = positions[first + slot];
    if (position < 0 || position == INT_MAX) {
      if (lane == 0) {
        complain(complaint, kernel, 0, first + slot, position);
      }
      continue;
    }
    int delta = at < 0 ? 0 : position - pool.positions[at];
    if (delta == 0) {
      continue;
    }
    T *key = pool.keys + at * pool.headDim;
    float scale = scale_at<T>(scales, at, 0);
    Floats<2> turned[PAIRS];
    unsigned most = 0;
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
      int pair = lane + 32 * i;
      if (pair >= pairs) {
        break;
      }
      Pair of = pair_at(pair, turning, interleaved);
      float a = widen(key[of.first]) * scale;
      float b = widen(key[of.second]) * scale;
      if (pair < turning) {
        if (delta != turn) {
          double sine;
          double cosine;
          sine_and_cosine(delta * frequencies[pair], &sine, &cosine);
          cosines[i] = (float)cosine;
          sines[i] = (float)sine;
        }
        turned[i] = Floats<2>{a * cosines[i] - b * sines[i], b * cosines[i] + a * sines[i]};
      } else {
        turned[i] = Floats<2>{a, b};
      }
      most = max(most, max(magnitude(turned[i].value[0]), magnitude(turned[i].value[1])));
    }
    turn = delta;
    scale = scale_of_warp<T>(most);
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
      int pair = lane + 32 * i;
      if (pair >= pairs) {
        break;
      }
      Pair of = pair_at(pair, turning, interleaved);
      round_to(turned[i].value[0], scale, &key[of.first]);
      round_to(turned[i].value[1], scale, &key[of.second]);
    }
    __syncwarp();
    if (lane == 0) {
      pool.positions[at] = position;
      if (CODED<T>) {
        scales[2 * at] = scale;
      }
    }
  }
}

} // namespace

#define REROTATE_KEYS(NAME, TYPE)                                                                  \
  extern "C" __global__ void __launch_bounds__(32 * WARPS)                                         \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, float *scales, const int *lengths,                  \
           const int *starts, const int *pages, const Chunk *chunks, const double *frequencies,    \
           int pairs, int interleaved, const long long *slotStarts, const int *wanted,             \
           Complaint *complaint, int kernel) {                                                     \
    rerotate_keys<TYPE>(                                                                           \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}}, scales,  \
        {lengths, starts, pages}, chunks, frequencies, pairs, interleaved, slotStarts, wanted,     \
        complaint, kernel);                                                                        \
  }

REROTATE_KEYS(rerotate_keys_f32, float)
REROTATE_KEYS(rerotate_keys_f16, __half)
REROTATE_KEYS(rerotate_keys_bf16, __nv_bfloat16)
REROTATE_KEYS(rerotate_keys_i8, I8)
REROTATE_KEYS(rerotate_keys_f8e4m3, F8)
