// Stores the keys and values of new tokens in their slots: keys are rotated in float, then both are
// rounded to the pool's type, to nearest even. A thread writes 16 bytes of a key and of a value.

#include "attention/pages.cuh"

namespace {

__device__ void narrow(float x, float *to) { *to = x; }
__device__ void narrow(float x, __half *to) { *to = __float2half_rn(x); }

struct Token {
  int request;
  int slotsBehind; // slots from the token's own to the end of its rows
  int position;
};

template <typename T>
__device__ void append_kv(const Pool<T> &pool, const PageTable &table, const Token *tokens,
                          const Rope &rope, const float *k, const float *v, int kvHeads,
                          long long heads) {
  constexpr int WIDTH = 16 / sizeof(T);
  int parts = pool.headDim / WIDTH;
  long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  long long head = index / parts;
  if (head >= heads) {
    return;
  }
  int token = (int)(head / kvHeads);
  int dim = (int)(index - head * parts) * WIDTH;
  Token which = tokens[token];
  Row row = table.row(which.request * kvHeads + (int)(head - (long long)token * kvHeads));
  int slot = row.length - which.slotsBehind;
  long long at = row.at(pool.paging, slot);
  if (at < 0) {
    return;
  }
  const float *key = k + head * pool.headDim;
  const float *value = v + head * pool.headDim;
  Elements<T, WIDTH> keys;
  Elements<T, WIDTH> values;
#pragma unroll
  for (int i = 0; i < WIDTH; i += 4) {
    Floats<4> rotated = rope.rotated4(key, dim + i, token);
    Floats<4> plain = load4(value + dim + i);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      narrow(rotated.value[j], &keys.value[i + j]);
      narrow(plain.value[j], &values.value[i + j]);
    }
  }
  *reinterpret_cast<Elements<T, WIDTH> *>(pool.keys + at * pool.headDim + dim) = keys;
  *reinterpret_cast<Elements<T, WIDTH> *>(pool.values + at * pool.headDim + dim) = values;
  if (dim == 0) {
    pool.positions[at] = which.position;
  }
}

} // namespace

#define APPEND_KV(NAME, TYPE)                                                                      \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, const int *lengths, const int *starts,              \
           const int *pages, const Token *tokens, const float *rotation, int rotaryDim,            \
           int interleaved, const float *k, const float *v, int kvHeads, long long heads) {        \
    append_kv<TYPE>(                                                                               \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}},          \
        {lengths, starts, pages}, tokens, {rotation, rotaryDim, interleaved}, k, v, kvHeads,       \
        heads);                                                                                    \
  }

APPEND_KV(append_kv_f32, float)
APPEND_KV(append_kv_f16, __half)

// Gives the numbers beside the slots of new tokens their initial value: a thread writes one.
extern "C" __global__ void __launch_bounds__(128)
    append_kv_numbers(float *numbers, int width, float initial, int headPages, int pageSize,
                      unsigned pageFactor, int pageShift, const int *lengths, const int *starts,
                      const int *pages, const Token *tokens, int kvHeads, long long heads) {
  long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  long long head = index / width;
  if (head >= heads) {
    return;
  }
  int token = (int)(head / kvHeads);
  Token which = tokens[token];
  PageTable table{lengths, starts, pages};
  Row row = table.row(which.request * kvHeads + (int)(head - (long long)token * kvHeads));
  long long at = row.at({headPages, pageSize, pageFactor, pageShift},
                        row.length - which.slotsBehind);
  if (at >= 0) {
    numbers[at * width + (index - head * width)] = initial;
  }
}
