// The canonical tree over slots, column by column: leaf fl(weight * x), node fl(left + right), an
// absent slot is -0, the identity of addition. A thread owns WIDTH columns and meets no other
// thread, so the bits do not depend on the launch.
//
// The slots are cut into aligned chunks of a power of two; blockIdx.y is the chunk. Inside a chunk
// GROUP slots are reduced at once, so that as many loads are under way, and a binary counter over
// the groups holds one node a level in registers. Chunks are the slots of the next launch.

#include "common/vector.cuh"

namespace {

constexpr int GROUP = 8;
constexpr int LEVELS = 6; // chunks of at most GROUP << LEVELS slots

template <typename T, int WIDTH>
__device__ Floats<WIDTH> leaf(const T *row, float weight, long long column, long long columns) {
  Floats<WIDTH> leaf;
  Elements<T, WIDTH> x;
  if (column + WIDTH <= columns) {
    x = *reinterpret_cast<const Elements<T, WIDTH> *>(row + column);
  } else {
#pragma unroll
    for (int j = 0; j < WIDTH; j++) {
      x.value[j] = column + j < columns ? row[column + j] : T(0.f);
    }
  }
#pragma unroll
  for (int j = 0; j < WIDTH; j++) {
    leaf.value[j] = __fmul_rn(weight, widen(x.value[j]));
  }
  return leaf;
}

template <int WIDTH> __device__ Floats<WIDTH> nothing() {
  Floats<WIDTH> none;
#pragma unroll
  for (int j = 0; j < WIDTH; j++) {
    none.value[j] = -0.f;
  }
  return none;
}

template <int WIDTH>
__device__ Floats<WIDTH> add(const Floats<WIDTH> &left, const Floats<WIDTH> &right) {
  Floats<WIDTH> sum;
#pragma unroll
  for (int j = 0; j < WIDTH; j++) {
    sum.value[j] = __fadd_rn(left.value[j], right.value[j]);
  }
  return sum;
}

template <int WIDTH>
__device__ void store(const Floats<WIDTH> &value, float factor, float *out, long long column,
                      long long columns) {
  if (column + WIDTH <= columns) {
#pragma unroll
    for (int j = 0; j < WIDTH; j += 4) {
      if constexpr (WIDTH >= 4) {
        Floats<4> four;
#pragma unroll
        for (int i = 0; i < 4; i++) {
          four.value[i] = __fmul_rn(value.value[j + i], factor);
        }
        *reinterpret_cast<Floats<4> *>(out + column + j) = four;
      } else {
        out[column + j] = __fmul_rn(value.value[j], factor);
      }
    }
  } else {
#pragma unroll
    for (int j = 0; j < WIDTH; j++) {
      if (column + j < columns) {
        out[column + j] = __fmul_rn(value.value[j], factor);
      }
    }
  }
}

// Rows by slot, in groups; an address of 0 is a missing one, and so are those behind the last slot.
template <typename T> struct Rows {
  const long long *addresses;
  const float *weights;

  __device__ void group(int slot, int, const T *(&rows)[GROUP], float (&factors)[GROUP]) const {
#pragma unroll
    for (int i = 0; i < GROUP; i += 2) {
      longlong2 two = *reinterpret_cast<const longlong2 *>(addresses + slot + i);
      rows[i] = reinterpret_cast<const T *>(two.x);
      rows[i + 1] = reinterpret_cast<const T *>(two.y);
    }
#pragma unroll
    for (int i = 0; i < GROUP; i += 4) {
      Floats<4> four = *reinterpret_cast<const Floats<4> *>(weights + slot + i);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        factors[i + j] = four.value[j];
      }
    }
  }
};

// Chunks of an earlier launch, one behind the other.
struct Chunks {
  const float *first;
  long long stride;

  __device__ void group(int slot, int to, const float *(&rows)[GROUP],
                        float (&factors)[GROUP]) const {
#pragma unroll
    for (int i = 0; i < GROUP; i++) {
      rows[i] = slot + i < to ? first + (slot + i) * stride : nullptr;
      factors[i] = 1;
    }
  }
};

template <typename T, int WIDTH, typename Source>
__device__ void tree_reduce(const Source &source, int slots, int chunk, long long columns,
                            float factor, float *out, long long stride) {
  long long column = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
  if (column >= columns) {
    return;
  }
  int from = blockIdx.y * chunk;
  int to = min(slots - from, chunk) + from;
  Floats<WIDTH> waiting[LEVELS + 1];
#pragma unroll
  for (int level = 0; level <= LEVELS; level++) {
    waiting[level] = nothing<WIDTH>();
  }
  for (int slot = from, count = 0; slot < to; slot += GROUP, count++) {
    const T *rows[GROUP];
    float weights[GROUP];
    source.group(slot, to, rows, weights);
    Floats<WIDTH> nodes[GROUP];
#pragma unroll
    for (int i = 0; i < GROUP; i++) {
      nodes[i] = rows[i] == nullptr ? nothing<WIDTH>()
                                    : leaf<T, WIDTH>(rows[i], weights[i], column, columns);
    }
#pragma unroll
    for (int pairs = GROUP / 2; pairs > 0; pairs /= 2) {
#pragma unroll
      for (int i = 0; i < pairs; i++) {
        nodes[i] = add(nodes[2 * i], nodes[2 * i + 1]);
      }
    }
    // Carry: the levels where the counter has ones are full.
    Floats<WIDTH> carry = nodes[0];
    bool carrying = true;
#pragma unroll
    for (int level = 0; level <= LEVELS; level++) {
      if (carrying) {
        if (count >> level & 1) {
          carry = add(waiting[level], carry);
          waiting[level] = nothing<WIDTH>();
        } else {
          waiting[level] = carry;
          carrying = false;
        }
      }
    }
  }
  // What waits on a lower level is the right one.
  Floats<WIDTH> root = nothing<WIDTH>();
#pragma unroll
  for (int level = 0; level <= LEVELS; level++) {
    root = add(waiting[level], root);
  }
  store(root, factor, out + blockIdx.y * stride, column, columns);
}

// sum = weight * row, then each term of the stream's counter on its left.
template <typename T>
__device__ void accept(const T *row, float weight, const float *const (&terms)[4], float *out,
                       long long columns) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long column = (long long)blockIdx.x * blockDim.x + threadIdx.x; column < columns;
       column += step) {
    float sum = __fmul_rn(weight, widen(row[column]));
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (terms[i] != nullptr) {
        sum = __fadd_rn(terms[i][column], sum);
      }
    }
    out[column] = sum;
  }
}

} // namespace

// Addresses and weights of slots as an argument of a launch, so that a captured one keeps them.
constexpr int TABLE = 256;

struct SlotTable {
  long long addresses[TABLE];
  float weights[TABLE];
};

extern "C" __global__ void __launch_bounds__(TABLE)
    tree_reduce_table(const SlotTable part, int first, int count, long long *addresses,
                      float *weights) {
  int slot = threadIdx.x;
  if (slot < count) {
    addresses[first + slot] = part.addresses[slot];
    weights[first + slot] = part.weights[slot];
  }
}

#define TREE_REDUCE(NAME, TYPE, WIDTH)                                                             \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(const long long *rows, const float *weights, int slots, int chunk, long long columns,   \
           float factor, float *out, long long stride) {                                           \
    tree_reduce<TYPE, WIDTH>(Rows<TYPE>{rows, weights}, slots, chunk, columns, factor, out,        \
                             stride);                                                              \
  }

TREE_REDUCE(tree_reduce_f32, float, 4)
TREE_REDUCE(tree_reduce_f16, __half, 8)
TREE_REDUCE(tree_reduce_bf16, __nv_bfloat16, 8)
// Rows that do not all start at multiples of 16 bytes.
TREE_REDUCE(tree_reduce_f32_scalar, float, 1)
TREE_REDUCE(tree_reduce_f16_scalar, __half, 1)
TREE_REDUCE(tree_reduce_bf16_scalar, __nv_bfloat16, 1)

#define TREE_REDUCE_CHUNKS(NAME, WIDTH)                                                            \
  extern "C" __global__ void __launch_bounds__(128)                                                \
      NAME(const float *chunks, long long apart, int slots, int chunk, long long columns,          \
           float factor, float *out, long long stride) {                                           \
    tree_reduce<float, WIDTH>(Chunks{chunks, apart}, slots, chunk, columns, factor, out, stride);  \
  }

TREE_REDUCE_CHUNKS(tree_reduce_chunks, 4)
TREE_REDUCE_CHUNKS(tree_reduce_chunks_scalar, 1)

#define TREE_REDUCE_ACCEPT(NAME, TYPE)                                                             \
  extern "C" __global__ void NAME(const TYPE *row, float weight, const float *first,               \
                                  const float *second, const float *third, const float *fourth,    \
                                  float *out, long long columns) {                                 \
    const float *const terms[4] = {first, second, third, fourth};                                  \
    accept(row, weight, terms, out, columns);                                                      \
  }

TREE_REDUCE_ACCEPT(tree_reduce_accept_f32, float)
TREE_REDUCE_ACCEPT(tree_reduce_accept_f16, __half)
TREE_REDUCE_ACCEPT(tree_reduce_accept_bf16, __nv_bfloat16)

// to = to + from; the bits do not depend on which is left.
extern "C" __global__ void tree_reduce_add(const float *from, float *to, long long columns) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long column = (long long)blockIdx.x * blockDim.x + threadIdx.x; column < columns;
       column += step) {
    to[column] = __fadd_rn(to[column], from[column]);
  }
}

extern "C" __global__ void tree_reduce_scale(const float *from, float factor, float *out,
                                             long long columns) {
  long long step = (long long)gridDim.x * blockDim.x;
  for (long long column = (long long)blockIdx.x * blockDim.x + threadIdx.x; column < columns;
       column += step) {
    out[column] = __fmul_rn(from[column], factor);
  }
}
