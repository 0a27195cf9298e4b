// y[slot] = act(gate_e x_slot) * (up_e x_slot) for the slots of each expert e.
//
// A block computes 32 outputs of at most 8 slots of one expert. A lane owns an output, that is a row
// of the matrices, which are laid out so that the lanes of a warp read 16 neighbouring bytes each;
// all lanes need the same elements of x at the same time, from shared memory. The warps of a block
// take turns in chunks of x, and their sums are added in a fixed order. Each slot's sum is the same
// whatever slots share its block.
//
// Layout (PreparedExpertsCuda): tiles of 32 rows; inside a tile, group by group, the codes of the
// rows that keep the group, 16 bytes of each row in turn. A dense matrix has groups of 16 bytes, all
// kept.

#include "common/guard.cuh"
#include "common/vector.cuh"

namespace {

constexpr int LANES = 32;
constexpr int WARPS = 4;
constexpr int SLOTS = 8;
constexpr int CHUNK = 128;
constexpr unsigned ALL = 0xffffffffu;

// 2^23 as bits: the lowest bits of the fraction count ones, so that an integer becomes a float
// without a conversion.
constexpr unsigned MAGIC = 0x4b000000u;
constexpr float MAGIC_VALUE = 8388608.f;

enum Activation { NONE, SWIGLU, GEGLU };

struct alignas(16) Matrix {
  const unsigned char *codes;
  const __half *scales;
  const unsigned char *zeros; // null: symmetric
  const uint2 *kept;          // by tile and group: rows that keep it, units before; null: all
};

struct Shape {
  int outputs;
  int inputs;
  int size; // of a group
};

// Sums of a lane's output for each slot.
template <int M> struct Sums {
  float value[M];
};

template <int M>
__device__ void add(Sums<M> &sums, const float (&weights)[4], const float *x) {
#pragma unroll
  for (int m = 0; m < M; m++) {
    Floats<4> four = *reinterpret_cast<const Floats<4> *>(x + m * CHUNK);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      sums.value[m] = fmaf(weights[j], four.value[j], sums.value[m]);
    }
  }
}

// 16 bytes of a dense row.
template <typename T, int M>
__device__ void add_dense(Sums<M> &sums, const Elements<T, 16 / sizeof(T)> &weights,
                          const float *x) {
#pragma unroll
  for (int q = 0; q < 16 / (int)sizeof(T); q += 4) {
    float four[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      four[j] = widen(weights.value[q + j]);
    }
    add(sums, four, x + q);
  }
}

// The codes of a word, `count` of them.
template <int BITS, int M>
__device__ void add_word(Sums<M> &sums, unsigned word, float zero, int count, const float *x) {
#pragma unroll
  for (int q = 0; q < 32 / BITS; q += 4) {
    if (q < count) {
      float four[4];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        unsigned code = word >> BITS * (q + j) & ((1u << BITS) - 1);
        four[j] = __uint_as_float(MAGIC | code) - zero;
      }
      add(sums, four, x + q);
    }
  }
}

template <typename T> struct Dense {
  static constexpr int COUNT = 16 / sizeof(T);

  template <int M>
  static __device__ void add_chunk(Sums<M> &sums, const Matrix matrix, const Shape &shape,
                                   int tile, int k0, const float *x) {
    int lane = threadIdx.x % LANES;
    int rows = min(LANES, shape.outputs - tile * LANES);
    int vectors = (shape.inputs + COUNT - 1) / COUNT;
    auto *codes = reinterpret_cast<const Elements<T, COUNT> *>(matrix.codes) +
                  (long long)tile * LANES * vectors + lane;
    int stop = min(vectors, (k0 + CHUNK) / COUNT);
    if (lane < rows) {
      for (int v = k0 / COUNT; v < stop; v++) {
        Elements<T, COUNT> weights = codes[(long long)v * rows];
        add_dense(sums, weights, x + v * COUNT - k0);
      }
    }
  }
};

template <int BITS, bool SPARSE> struct Codes {
  template <int M>
  static __device__ void add_chunk(Sums<M> &sums, const Matrix matrix, const Shape &shape,
                                   int tile, int k0, const float *x) {
    int lane = threadIdx.x % LANES;
    int groups = (shape.inputs + shape.size - 1) / shape.size;
    int rows = min(LANES, shape.outputs - tile * LANES);
    int unit = shape.size * BITS / 8; // bytes of a group's codes
    int stop = min(groups, (k0 + CHUNK) / shape.size);
    for (int group = k0 / shape.size; group < stop; group++) {
      unsigned keeps = ALL >> (LANES - rows);
      long long before = (long long)tile * LANES * groups + (long long)group * rows;
      if (SPARSE) {
        uint2 kept = matrix.kept[(long long)tile * groups + group];
        keeps = kept.x;
        before = kept.y;
      }
      if (keeps >> lane & 1) {
        int rank = __popc(keeps & ((1u << lane) - 1));
        float zero = matrix.zeros == nullptr ? 1 << (BITS - 1) : matrix.zeros[before + rank];
        Sums<M> part = {};
        add_unit(part, matrix.codes + before * unit, unit, rank, __popc(keeps), MAGIC_VALUE + zero,
                 x + group * shape.size - k0);
        float scale = __half2float(matrix.scales[before + rank]);
#pragma unroll
        for (int m = 0; m < M; m++) {
          sums.value[m] = fmaf(scale, part.value[m], sums.value[m]);
        }
      }
      __syncwarp(); // lanes without the group wait, so that all read the same of x and of the table
    }
  }

  template <int M>
  static __device__ void add_unit(Sums<M> &part, const unsigned char *codes, int unit, int rank,
                                  int count, float zero, const float *x) {
    constexpr int PER_WORD = 32 / BITS;
    if (unit >= 16) {
      for (int piece = 0; piece < unit / 16; piece++) {
        uint4 words = reinterpret_cast<const uint4 *>(codes)[piece * count + rank];
        const float *at = x + piece * 4 * PER_WORD;
        add_word<BITS>(part, words.x, zero, PER_WORD, at);
        add_word<BITS>(part, words.y, zero, PER_WORD, at + PER_WORD);
        add_word<BITS>(part, words.z, zero, PER_WORD, at + 2 * PER_WORD);
        add_word<BITS>(part, words.w, zero, PER_WORD, at + 3 * PER_WORD);
      }
    } else if (unit == 8) {
      uint2 words = reinterpret_cast<const uint2 *>(codes)[rank];
      add_word<BITS>(part, words.x, zero, PER_WORD, x);
      add_word<BITS>(part, words.y, zero, PER_WORD, x + PER_WORD);
    } else {
      unsigned word = unit == 4 ? reinterpret_cast<const unsigned *>(codes)[rank]
                                : reinterpret_cast<const unsigned short *>(codes)[rank];
      add_word<BITS>(part, word, zero, unit * 8 / BITS, x);
    }
  }
};

// The slots of a block.
struct Group {
  int expert;
  int first;
  int count; // 0: nothing to do
};

// Tiles of slots are numbered expert by expert. All lanes of a warp look together.
__device__ Group group_of(int tile, const int *offsets, int experts, int slots,
                          Complaint *complaint, int kernel) {
  int lane = threadIdx.x % LANES;
  int before = 0;
  for (int from = 0; from < experts; from += LANES) {
    int e = from + lane;
    int start = 0;
    int stop = 0;
    if (e < experts) {
      start = offsets[e];
      stop = offsets[e + 1];
      if (start < 0 || stop < start || stop > slots) {
        complain(complaint, kernel, 0, start < 0 ? e : e + 1, start < 0 ? start : stop);
        start = stop = 0;
      }
    }
    int tiles = (int)(((long long)stop - start + SLOTS - 1) / SLOTS);
    int until = tiles;
    for (int away = 1; away < LANES; away *= 2) {
      int other = __shfl_up_sync(ALL, until, away);
      until += lane >= away ? other : 0;
    }
    int mine = tile - before - (until - tiles);
    unsigned found = __ballot_sync(ALL, mine >= 0 && mine < tiles);
    if (found != 0) {
      int owner = __ffs(found) - 1;
      int first = __shfl_sync(ALL, start + mine * SLOTS, owner);
      int end = __shfl_sync(ALL, stop, owner);
      return {from + owner, first, min(SLOTS, end - first)};
    }
    before += __shfl_sync(ALL, until, LANES - 1);
  }
  return {0, 0, 0};
}

__device__ float activate(float gate, float up, int activation) {
  if (activation == SWIGLU) {
    return gate / (1 + expf(-gate)) * up;
  }
  if (activation == GEGLU) {
    return gate * (1 + erff(gate * 0.70710678f)) / 2 * up;
  }
  return gate;
}

// A chunk of the slots' rows of x, zeros where there is none.
template <int M>
__device__ void load(float *to, const float *const *rows, int k0, int inputs, bool wide) {
  int lane = threadIdx.x % LANES;
#pragma unroll
  for (int m = 0; m < M; m++) {
    const float *row = rows[m];
    int k = k0 + 4 * lane;
    Floats<4> four = {};
    if (row != nullptr && wide && k < inputs) {
      four = *reinterpret_cast<const Floats<4> *>(row + k);
    } else if (row != nullptr) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        four.value[j] = k + j < inputs ? row[k + j] : 0;
      }
    }
    *reinterpret_cast<Floats<4> *>(to + m * CHUNK + 4 * lane) = four;
  }
}

template <typename Format, int M>
__device__ void multiply(const Matrix *gates, const Matrix *ups, const Shape &shape, int tile,
                         const Group &group, const float *const *rows, bool wide, int activation,
                         float *shared, float *y) {
  int warp = threadIdx.x / LANES;
  int lane = threadIdx.x % LANES;
  float *x = shared + warp * M * CHUNK;
  Sums<M> gate = {};
  Sums<M> up = {};
  for (int k0 = warp * CHUNK; k0 < shape.inputs; k0 += WARPS * CHUNK) {
    load<M>(x, rows, k0, shape.inputs, wide);
    __syncwarp();
    // One piece of code for both: after two rounds each sum is where it was.
    const Matrix *matrices = gates;
#pragma unroll 1
    for (int round = 0; round < (activation == NONE ? 1 : 2); round++) {
      Format::add_chunk(gate, matrices[group.expert], shape, tile, k0, x);
      if (activation != NONE) {
        Sums<M> other = gate;
        gate = up;
        up = other;
        matrices = ups;
      }
    }
    __syncwarp();
  }
  __syncthreads();
  // Warp by warp: gate, then up, of each slot.
  float *parts = shared + warp * 2 * M * LANES + lane;
#pragma unroll
  for (int m = 0; m < M; m++) {
    parts[m * LANES] = gate.value[m];
    parts[(M + m) * LANES] = up.value[m];
  }
  __syncthreads();
  int output = tile * LANES + lane;
  for (int m = warp; m < group.count; m += WARPS) {
    float sums[2] = {0, 0};
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
      sums[0] += shared[(w * 2 * M + m) * LANES + lane];
      sums[1] += shared[(w * 2 * M + M + m) * LANES + lane];
    }
    if (output < shape.outputs && rows[m] != nullptr) {
      y[(long long)(group.first + m) * shape.outputs + output] =
          activate(sums[0], sums[1], activation);
    }
  }
}

template <typename Format>
__device__ void expert_matmul(const Matrix *gates, const Matrix *ups, const Shape &shape,
                              const int *offsets, int experts, const int *order, int top,
                              const float *x, long long x_rows, int wide, int slots,
                              int activation, float *y, Complaint *complaint, int kernel) {
  __shared__ __align__(16) float shared[WARPS * SLOTS * CHUNK];
  __shared__ const float *rows[SLOTS];
  Group group = group_of(blockIdx.x, offsets, experts, slots, complaint, kernel);
  if (group.count == 0) {
    return;
  }
  if (threadIdx.x < SLOTS) {
    const float *row = nullptr;
    if (threadIdx.x < group.count) {
      int slot = group.first + threadIdx.x;
      int choice = order == nullptr ? slot : order[slot];
      if (choice < -1 || (top > 0 && choice >= x_rows * top)) {
        complain(complaint, kernel, 1, slot, choice);
      } else if (choice >= 0) {
        row = x + (long long)(top == 0 ? slot : choice / top) * shape.inputs;
      }
    }
    rows[threadIdx.x] = row;
  }
  __syncthreads();
  int tiles = (shape.outputs + LANES - 1) / LANES;
  for (int tile = blockIdx.y; tile < tiles; tile += gridDim.y) {
    if (group.count <= 2) {
      multiply<Format, 2>(gates, ups, shape, tile, group, rows, wide, activation, shared, y);
    } else {
      multiply<Format, SLOTS>(gates, ups, shape, tile, group, rows, wide, activation, shared, y);
    }
    __syncthreads();
  }
}

} // namespace

#define EXPERT_MATMUL(NAME, ...)                                                                   \
  extern "C" __global__ void __launch_bounds__(128, 3)                                             \
      NAME(const Matrix *gates, const Matrix *ups, int outputs, int inputs, int size,              \
           const int *offsets, int experts, const int *order, int top, const float *x,             \
           long long x_rows, int wide, int slots, int activation, float *y, Complaint *complaint,  \
           int kernel) {                                                                           \
    expert_matmul<__VA_ARGS__>(gates, ups, Shape{outputs, inputs, size}, offsets, experts, order,  \
                               top, x, x_rows, wide, slots, activation, y, complaint, kernel);     \
  }

EXPERT_MATMUL(expert_matmul_f32, Dense<float>)
EXPERT_MATMUL(expert_matmul_f16, Dense<__half>)
EXPERT_MATMUL(expert_matmul_bf16, Dense<__nv_bfloat16>)
EXPERT_MATMUL(expert_matmul_w8, Codes<8, false>)
EXPERT_MATMUL(expert_matmul_w4, Codes<4, false>)
EXPERT_MATMUL(expert_matmul_w2, Codes<2, false>)
EXPERT_MATMUL(expert_matmul_sparse_w8, Codes<8, true>)
EXPERT_MATMUL(expert_matmul_sparse_w4, Codes<4, true>)
EXPERT_MATMUL(expert_matmul_sparse_w2, Codes<2, true>)
