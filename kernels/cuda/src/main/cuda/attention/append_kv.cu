// Stores the keys and values of new tokens in their slots: keys are rotated in float, then both are
// rounded to the pool's type, to nearest even. A thread writes 16 bytes of a key and of a value, or 8
// codes of each, whose scales it works out with its neighbours.

#include "attention/pages.cuh"

namespace {

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

// Codes of 8 elements of a vector of which some neighbouring lanes have 8 each, and its scale.
template <typename E>
__device__ float to_codes(const Floats<4> (&x)[2], int lanes, uint2 *codes) {
  unsigned most = 0;
#pragma unroll
  for (int i = 0; i < 8; i++) {
    most = max(most, magnitude(x[i / 4].value[i % 4]));
  }
  for (int apart = lanes / 2; apart > 0; apart /= 2) {
    most = max(most, __shfl_xor_sync(WARP, most, apart));
  }
  float scale = scale_of<E>(most);
  *codes = uint2{encode4<E>(x[0], scale), encode4<E>(x[1], scale)};
  return scale;
}

// The same for codes. A head has a power of two of neighbouring lanes, which may be more than it has
// elements for.
template <typename E>
__device__ void append_codes(const Pool<E> &pool, Floats<2> *scales, const PageTable &table,
                             const Token *tokens, const Rope &rope, const float *k,
                             const float *v, int kvHeads, long long heads) {
  int lanes = 1;
  while (8 * lanes < pool.headDim) {
    lanes *= 2;
  }
  long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  long long head = index / lanes;
  int dim = (int)(index - head * lanes) * 8;
  bool there = head < heads && dim < pool.headDim;
  int token = there ? (int)(head / kvHeads) : 0;
  Floats<4> key[2] = {};
  Floats<4> value[2] = {};
#pragma unroll
  for (int i = 0; i < 2 && there; i++) {
    key[i] = rope.rotated4(k + head * pool.headDim, dim + 4 * i, token);
    value[i] = load4(v + head * pool.headDim + dim + 4 * i);
  }
  uint2 keys;
  uint2 values;
  float keyScale = to_codes<E>(key, lanes, &keys);
  float valueScale = to_codes<E>(value, lanes, &values);
  if (!there) {
    return;
  }
  Token which = tokens[token];
  Row row = table.row(which.request * kvHeads + (int)(head - (long long)token * kvHeads));
  long long at = row.at(pool.paging, row.length - which.slotsBehind);
  if (at < 0) {
    return;
  }
  *reinterpret_cast<uint2 *>(pool.keys + at * pool.headDim + dim) = keys;
  *reinterpret_cast<uint2 *>(pool.values + at * pool.headDim + dim) = values;
  if (dim == 0) {
    pool.positions[at] = which.position;
    scales[at] = Floats<2>{keyScale, valueScale};
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
APPEND_KV(append_kv_bf16, __nv_bfloat16)

#define APPEND_CODES(NAME, TYPE)                                                                   \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(TYPE *keys, TYPE *values, int *positions, int headDim, int headPages, int pageSize,     \
           unsigned pageFactor, int pageShift, const int *lengths, const int *starts,              \
           const int *pages, const Token *tokens, const float *rotation, int rotaryDim,            \
           int interleaved, const float *k, const float *v, int kvHeads, long long heads,          \
           Floats<2> *scales) {                                                                    \
    append_codes<TYPE>(                                                                            \
        {keys, values, positions, headDim, {headPages, pageSize, pageFactor, pageShift}}, scales,  \
        {lengths, starts, pages}, tokens, {rotation, rotaryDim, interleaved}, k, v, kvHeads,       \
        heads);                                                                                    \
  }

APPEND_CODES(append_kv_i8, I8)
APPEND_CODES(append_kv_f8e4m3, F8)

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
