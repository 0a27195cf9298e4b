// y[m,n] = sum over k of x[m,k] W[n,k], W in F32, F16 or BF16.
//
// Rows of W lie one behind the other, padded with zeros to a multiple of 64 bytes, so that a lane
// loads 16 bytes of each of its four rows at a time.

#include "sparse/slices.cuh"

namespace {

// The pieces of four weights, and how many pieces a weight has.
template <typename T> struct Pieces;

template <> struct Pieces<float> {
  static constexpr int COUNT = 3;

  __device__ static void split(const float *w, unsigned (&pairs)[3][2]) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float low = rest(w[2 * i]);
      float high = rest(w[2 * i + 1]);
      pairs[0][i] = upper(w[2 * i], w[2 * i + 1]);
      pairs[1][i] = upper(low, high);
      pairs[2][i] = upper(rest(low), rest(high));
    }
  }
};

template <> struct Pieces<__half> {
  static constexpr int COUNT = 2;

  __device__ static void split(const __half *w, unsigned (&pairs)[2][2]) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float low = __half2float(w[2 * i]);
      float high = __half2float(w[2 * i + 1]);
      pairs[0][i] = upper(low, high);
      pairs[1][i] = upper(rest(low), rest(high));
    }
  }
};

template <> struct Pieces<__nv_bfloat16> {
  static constexpr int COUNT = 1;

  __device__ static void split(const __nv_bfloat16 *w, unsigned (&pairs)[1][2]) {
    pairs[0][0] = reinterpret_cast<const unsigned *>(w)[0];
    pairs[0][1] = reinterpret_cast<const unsigned *>(w)[1];
  }
};

template <typename T> struct DenseWeights {
  static constexpr bool REPEATS = true;
  static constexpr int OWN = 16 / sizeof(T);
  static constexpr int COLUMNS = 4 * OWN; // of a load

  const T *w;
  long long stride;
  int outputs;
  int inputs;
  int sliceColumns;

  __device__ int slices() const { return (inputs + sliceColumns - 1) / sliceColumns; }
  __device__ int blocks() const { return (outputs + BLOCK_ROWS - 1) / BLOCK_ROWS; }
  __device__ int all_slices() const { return slices() * blocks(); }

  // Neighbouring warps have the same columns.
  __device__ bool find(int unit, bool whole, Slices &found) const {
    found.count = slices();
    found.block = whole ? unit : unit % blocks();
    found.first = found.block * found.count;
    found.from = found.first + (whole ? 0 : unit / blocks());
    found.to = whole ? found.first + found.count : found.from + 1;
    return whole ? unit < blocks() : unit < all_slices();
  }

  __device__ float plain(const float *x, int n) const {
    float sum = 0;
    for (int k = 0; k < inputs; k++) {
      sum = fmaf(x[k], widen(w[n * stride + k]), sum);
    }
    return sum;
  }

  __device__ void load(const T *(&rows)[4], int column, Elements<T, OWN> (&values)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      values[i] = *reinterpret_cast<const Elements<T, OWN> *>(rows[i] + column);
    }
  }

  template <int ROWS>
  __device__ void add(int block, int slice, const Inputs<ROWS> &inputs, int lane,
                      Sums<ROWS> &sums) const {
    int from = slice % slices() * sliceColumns;
    int to = min(from + sliceColumns, this->inputs);
    const T *rows[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int n = min(block * BLOCK_ROWS + lane / 4 + 8 * i, outputs - 1);
      rows[i] = w + n * stride + lane % 4 * OWN;
    }
    Elements<T, OWN> next[4];
    load(rows, from, next);
    for (int column = from; column < to; column += COLUMNS) {
      Elements<T, OWN> own[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        own[i] = next[i];
      }
      typename Inputs<ROWS>::template Values<16> values[OWN / 4];
#pragma unroll
      for (int step = 0; step < OWN / 4; step++) {
        inputs.template at<16>(column + lane % 4 * OWN + 4 * step, values[step]);
      }
      if (column + COLUMNS < to) {
        load(rows, column + COLUMNS, next);
      }
#pragma unroll
      for (int step = 0; step < OWN / 4; step++) {
        unsigned b[TILES<ROWS>][2];
        inputs.template split<16>(values[step], b);
#pragma unroll
        for (int half = 0; half < 2; half++) {
          unsigned upperRow[Pieces<T>::COUNT][2];
          unsigned lowerRow[Pieces<T>::COUNT][2];
          Pieces<T>::split(own[2 * half].value + 4 * step, upperRow);
          Pieces<T>::split(own[2 * half + 1].value + 4 * step, lowerRow);
#pragma unroll
          for (int piece = Pieces<T>::COUNT - 1; piece >= 0; piece--) {
            unsigned a[4] = {upperRow[piece][0], lowerRow[piece][0], upperRow[piece][1],
                             lowerRow[piece][1]};
#pragma unroll
            for (int tile = 0; tile < TILES<ROWS>; tile++) {
              multiply(sums[half][tile], a, b[tile]);
            }
          }
        }
      }
    }
  }
};

} // namespace

#define MATMUL(NAME, TYPE, ROWS)                                                                   \
  extern "C" __global__ void __launch_bounds__(32 * WARPS, resident(ROWS))                                       \
      NAME(const float *x, float *y, int rows, int outputs, int inputs, int whole, float *partial, \
           unsigned *arrived, const TYPE *w, long long stride, int sliceColumns) {                 \
    Product p = {x, y, rows, outputs, inputs, whole, partial, arrived};                            \
    DenseWeights<TYPE> weights = {w, stride, outputs, inputs, sliceColumns};                       \
    product<ROWS>(p, weights);                                                                     \
  }

MATMUL(matmul_f32_2, float, 2)
MATMUL(matmul_f32_8, float, 8)
MATMUL(matmul_f32_16, float, 16)
MATMUL(matmul_f16_2, __half, 2)
MATMUL(matmul_f16_8, __half, 8)
MATMUL(matmul_f16_16, __half, 16)
MATMUL(matmul_bf16_2, __nv_bfloat16, 2)
MATMUL(matmul_bf16_8, __nv_bfloat16, 8)
MATMUL(matmul_bf16_16, __nv_bfloat16, 16)
