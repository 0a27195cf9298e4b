// Products on the tensor cores that lose nothing: a float is the sum of three BF16 numbers, its
// upper, middle and lower eight bits ("pieces"), integers up to 256 are BF16 numbers, and the
// product of two of them is exact in F32. Pieces are summed apart and added at the end, the small
// ones first. (The lower pieces of numbers below 2^-110 are subnormal and lose bits.)
//
// A warp multiplies 32 rows of W, the two 16-row tiles of the instruction, by a few rows of x,
// which are its columns. Lane 4 g + t has the weights of the rows g, g + 8, g + 16 and g + 24. The
// order in which the instruction sees the columns of W is free: in a step of 16 (or 8) columns lane
// 4 g + t has columns 4 t to 4 t + 3 (2 t and 2 t + 1).
#pragma once

#include "common/vector.cuh"

constexpr int BLOCK_ROWS = 32;

// The upper halves of two floats.
__device__ inline unsigned upper(float low, float high) {
  return __byte_perm(__float_as_uint(low), __float_as_uint(high), 0x7632);
}

// What the upper half leaves; nothing of an infinity.
__device__ inline float rest(float x) {
  float top = __uint_as_float(__float_as_uint(x) & 0xffff0000u);
  return x == top ? 0.f : x - top;
}

__device__ inline void multiply(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline void multiply(float (&sums)[4], const unsigned (&a)[2], const unsigned (&b)[1]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(b[0]));
}

// Columns of the instruction for ROWS rows of x: two rows fit in one tile of eight, column
// 3 m + piece; eight rows take a tile for each piece.
template <int ROWS> constexpr int TILES = ROWS == 2 ? 1 : 3 * ROWS / 8;

template <int ROWS> using Sums = float[2][TILES<ROWS>][4];

template <int ROWS> __device__ void clear(Sums<ROWS> &sums) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
#pragma unroll
    for (int tile = 0; tile < TILES<ROWS>; tile++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sums[half][tile][i] = 0;
      }
    }
  }
}

// COUNT floats of a row from column k, zeros behind the last column and where there is no row.
template <int COUNT>
__device__ Floats<COUNT> load_floats(const float *row, int k, int columns, bool wide) {
  Floats<COUNT> values = {};
  if (row != nullptr && wide && k < columns) {
    values = *reinterpret_cast<const Floats<COUNT> *>(row + k);
  } else if (row != nullptr) {
#pragma unroll
    for (int j = 0; j < COUNT; j++) {
      values.value[j] = k + j < columns ? row[k + j] : 0.f;
    }
  }
  return values;
}

// Rows of x that lie one behind the other.
struct PlainRows {
  const float *x;
  int count;
  int columns;

  // A row, null behind the last one.
  __device__ const float *operator[](int m) const {
    return m < count ? x + (long long)m * columns : nullptr;
  }

  // Whether rows can be read 16 bytes at a time.
  __device__ bool wide() const {
    return (reinterpret_cast<unsigned long long>(x) & 15) == 0 && columns % 4 == 0;
  }
};

// The first two rows of x, which each warp reads for itself.
struct DirectInputs {
  static constexpr int ROWS = 2;
  static constexpr int firstRow = 0;

  const float *row; // of this lane, null behind the last one
  int rows;
  int columns;
  int quarter;
  int piece;
  bool wide;

  template <typename Rows>
  __device__ DirectInputs(const Rows &x, int lane)
      : rows(min(x.count, ROWS)), columns(x.columns), quarter(lane % 4), piece(lane / 4 % 3),
        wide(x.wide()) {
    int m = lane / 12;
    row = m < rows ? x[m] : nullptr;
  }

  // The pieces that the instruction wants of this lane, of STEP / 4 columns from k on.
  template <int STEP>
  __device__ void fragments(int k, int, unsigned (&b)[1][STEP / 8]) const {
    Floats<STEP / 4> values = load_floats<STEP / 4>(row, k, columns, wide);
#pragma unroll
    for (int pair = 0; pair < STEP / 8; pair++) {
      float low = values.value[2 * pair];
      float high = values.value[2 * pair + 1];
      float low2 = rest(low);
      float high2 = rest(high);
      b[0][pair] = piece == 0   ? upper(low, high)
                   : piece == 1 ? upper(low2, high2)
                                : upper(rest(low2), rest(high2));
    }
  }
};

// What a lane has of the result: COUNT values, in registers.
template <int ROWS> struct Outputs {
  static constexpr int COUNT = ROWS == 2 ? 4 : ROWS;
  static constexpr int UNROLLED = COUNT; // of loops over them

  float value[COUNT] = {};

  __device__ float operator[](int i) const { return value[i]; }

  // Row of W in the block, and row of x, of a value.
  __device__ static int output(int i, int lane) {
    return ROWS == 2 ? lane / 4 + 8 * i : lane / 4 + 8 * (i / 2 % 2) + 16 * (i / (COUNT / 2));
  }
  __device__ static int input(int i, int lane) {
    return ROWS == 2 ? lane % 4 : lane % 4 * 2 + i % 2 + 8 * (i / 4 % (ROWS / 8));
  }

  // Adds the sums of the pieces.
  __device__ void add(const Sums<ROWS> &sums) {
    if constexpr (ROWS == 2) {
      // Columns 0, 1, 2 and 3, 4, 5 lie in lanes 4 g, 4 g + 1 and 4 g + 2, two in each.
      bool first = threadIdx.x % 4 == 0;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        float even = sums[i / 2][0][i % 2 * 2];
        float odd = sums[i / 2][0][i % 2 * 2 + 1];
        float nextEven = __shfl_down_sync(0xffffffffu, even, 1, 4);
        float nextOdd = __shfl_down_sync(0xffffffffu, odd, 1, 4);
        value[i] += first ? even + (odd + nextEven) : odd + (nextEven + nextOdd);
      }
    } else {
#pragma unroll
      for (int i = 0; i < COUNT; i++) {
        int half = i / (COUNT / 2);
        int tile = i / 4 % (ROWS / 8) * 3;
        value[i] += sums[half][tile][i % 4] +
                    (sums[half][tile + 1][i % 4] + sums[half][tile + 2][i % 4]);
      }
    }
  }

  // Moves what is here to another one.
  __device__ void move_to(Outputs &other) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      other.value[i] += value[i];
      value[i] = 0;
    }
  }
};
