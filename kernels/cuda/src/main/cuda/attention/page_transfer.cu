// Copies pages between an array of a pool and a buffer: page pages[i] of the pool is entry i of the
// buffer. A page is one run of words in both.

#include "common/guard.cuh"

namespace {

constexpr int THREADS = 128;
constexpr int UNROLL = 4;

// Word i of the block's share.
__device__ long long word(long long round, int u) {
  return ((round * gridDim.y + blockIdx.y) * UNROLL + u) * THREADS + threadIdx.x;
}

template <typename V>
__device__ void page_transfer(V *pool, V *buffer, const int *pages, long long words, int headPages,
                              int intoPool, Complaint *complaint, int kernel) {
  int page = pages[blockIdx.x];
  if ((unsigned)page >= (unsigned)headPages) {
    if (blockIdx.y == 0 && threadIdx.x == 0) {
      complain(complaint, kernel, 0, blockIdx.x, page);
    }
    return;
  }
  V *there = pool + page * words;
  V *here = buffer + blockIdx.x * words;
  V *from = intoPool ? here : there;
  V *to = intoPool ? there : here;
  for (long long round = 0; word(round, 0) - threadIdx.x < words; round++) {
    V parts[UNROLL];
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      if (word(round, u) < words) {
        parts[u] = from[word(round, u)];
      }
    }
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
      if (word(round, u) < words) {
        to[word(round, u)] = parts[u];
      }
    }
  }
}

} // namespace

#define PAGE_TRANSFER(NAME, TYPE)                                                                  \
  extern "C" __global__ void __launch_bounds__(THREADS)                                            \
      NAME(TYPE *pool, TYPE *buffer, const int *pages, long long words, int headPages,             \
           int intoPool, Complaint *complaint, int kernel) {                                       \
    page_transfer(pool, buffer, pages, words, headPages, intoPool, complaint, kernel);             \
  }

PAGE_TRANSFER(page_transfer_16, uint4)
PAGE_TRANSFER(page_transfer_4, unsigned)
// For halves and bytes in a buffer that starts anywhere.
PAGE_TRANSFER(page_transfer_2, unsigned short)
PAGE_TRANSFER(page_transfer_1, unsigned char)
