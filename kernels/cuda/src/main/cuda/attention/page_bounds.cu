// The smallest and largest value of each element over the keys of a page, exactly: -0 is less than
// +0, and NaN makes NaN. A thread has four elements of all keys of a page.

#include "attention/scales.cuh"

namespace {

// A page to look at.
struct Look {
  int row;
  int index; // of the page in the row
};

// Floats in the order of integers; NaN is not among them.
__device__ int ordered(float x) {
  int bits = __float_as_int(x);
  return bits ^ (bits >> 31 & 0x7fffffff);
}
__device__ float from_ordered(int x) { return __int_as_float(x ^ (x >> 31 & 0x7fffffff)); }

template <typename T>
__device__ void page_bounds(const Pool<T> &pool, const float *scales, const PageTable &table,
                            const Look *looks, int count, float *bounds) {
  int number = blockIdx.x * blockDim.y + threadIdx.y;
  int dim = 4 * threadIdx.x;
  if (number >= count) {
    return;
  }
  Look look = looks[number];
  Row row = table.row(look.row);
  int page = row.pages[look.index];
  if ((unsigned)page >= (unsigned)pool.paging.headPages) {
    return;
  }
  int slots = pool.paging.slots;
  int filled = min(slots, row.length - look.index * slots);
  long long first = (long long)page * slots;
  const T *key = pool.keys + first * pool.headDim + dim;
  int least[4];
  int most[4];
  bool wild[4];
#pragma unroll
  for (int j = 0; j < 4; j++) {
    least[j] = ordered(INFINITY);
    most[j] = ordered(-INFINITY);
    wild[j] = false;
  }
#pragma unroll 4
  for (int slot = 0; slot < filled; slot++) {
    Elements<T, 4> four = *reinterpret_cast<const Elements<T, 4> *>(key + slot * pool.headDim);
    float scale = scale_at<T>(scales, first + slot, 0);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float value = widen(four.value[j]) * scale;
      wild[j] |= isnan(value);
      least[j] = min(least[j], ordered(value));
      most[j] = max(most[j], ordered(value));
    }
  }
  Floats<4> low;
  Floats<4> high;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    low.value[j] = wild[j] ? NAN : from_ordered(least[j]);
    high.value[j] = wild[j] ? NAN : from_ordered(most[j]);
  }
  float *to = bounds + 2LL * page * pool.headDim + dim;
  store4(to, low);
  store4(to + pool.headDim, high);
}

} // namespace

#define PAGE_BOUNDS(NAME, TYPE)                                                                    \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, const float *scales, const int *lengths,            \
           const int *starts, const int *pages, const Look *looks, int count, float *bounds) {     \
    page_bounds<TYPE>(                                                                             \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}}, scales,  \
        {lengths, starts, pages}, looks, count, bounds);                                           \
  }

PAGE_BOUNDS(page_bounds_f32, float)
PAGE_BOUNDS(page_bounds_f16, __half)
PAGE_BOUNDS(page_bounds_bf16, __nv_bfloat16)
PAGE_BOUNDS(page_bounds_i8, I8)
PAGE_BOUNDS(page_bounds_f8e4m3, F8)
