// Weights as floats of 4 or 2 bytes.
//
// Rows of W lie one behind the other, padded with zeros to a multiple of a chunk, so that a lane
// loads 16 bytes of each of its four rows at a time.
#pragma once

#include "sparse/narrow.cuh"
#include "sparse/panel.cuh"

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

// A matrix in memory.
struct DenseMatrix {
  const void *w;
};

// What matrices of a shape and format have in common.
struct DenseShape {
  long long row; // elements from a row of W to the next
  int outputs;
  int inputs;
};

template <typename T> struct DenseWeights : DenseMatrix, DenseShape {
  using Matrix = DenseMatrix;
  using Shape = DenseShape;

  static constexpr bool REPEATS = true;
  static constexpr int NARROW_ROWS = 2;
  static constexpr int STEP = 16;
  static constexpr int INPUT_PIECES = 3;
  static constexpr int OWN = 16 / sizeof(T);
  static constexpr int LOAD = 4 * OWN; // columns that four lanes load
  static constexpr int CHUNK = 32;     // columns of a chunk
  static constexpr int LOADS = CHUNK / LOAD;
  static constexpr int MOST_COLUMNS = CHUNK;
  static constexpr int SLICE_CHUNKS = 512 / sizeof(T) / CHUNK;
  static constexpr int PART = 64 * BLOCK_ROWS; // bytes of a load of all rows

  static constexpr int stride = LOADS * PART; // bytes of a ring's stage

  __device__ DenseWeights(const Matrix &matrix, const Shape &shape, unsigned char *,
                          const float * = nullptr)
      : Matrix(matrix), Shape(shape) {}

  __device__ int chunks() const { return (inputs + CHUNK - 1) / CHUNK; }
  __device__ int panel_slices() const { return (chunks() + SLICE_CHUNKS - 1) / SLICE_CHUNKS; }
  __device__ int panels() const {
    return (outputs + PANEL_BLOCKS * BLOCK_ROWS - 1) / (PANEL_BLOCKS * BLOCK_ROWS);
  }
  __device__ int all_slices() const { return panel_slices() * panels(); }
  __device__ int all_shares() const { return slices(0).shares() * panels(); }
  __device__ int chunk_columns() const { return CHUNK; }

  __device__ PanelSlices slices(int panel) const {
    return {panel * panel_slices(), panel_slices()};
  }

  // Neighbours have the same columns.
  __device__ int2 slice_unit(int unit) const {
    return make_int2(unit % panels(), unit / panels());
  }
  __device__ int2 share_unit(int unit) const { return slice_unit(unit); }

  __device__ int chunk(int panel, int slice) const {
    return min((slice - panel * panel_slices()) * SLICE_CHUNKS, chunks());
  }

  // Step, and lane of a row of x, of the i-th four of 32 columns.
  __device__ static int2 place(int i) {
    return OWN == 4 ? make_int2(i / 4, i % 4) : make_int2(i % 2, i / 2);
  }

  __device__ const T *row_at(int n) const { return static_cast<const T *>(w) + n * row; }

  __device__ float plain(const float *x, int n) const {
    float sum = 0;
    for (int k = 0; k < inputs; k++) {
      sum = fmaf(x[k], widen(row_at(n)[k]), sum);
    }
    return sum;
  }

  __device__ const T *row_of(int block, int i) const {
    return row_at(min(block * BLOCK_ROWS + i, outputs - 1));
  }

  // Load by load, in rows of 64 bytes; neighbouring threads fill the banks with two rows.
  __device__ void fetch(int block, int chunk, unsigned char *into, int thread, int threads) const {
    for (int i = thread; i < 4 * LOADS * BLOCK_ROWS; i += threads) {
      int piece = i % 4;
      int load = i / 8 % LOADS;
      int line = i / (8 * LOADS) * 2 + i / 4 % 2;
      copy_async(into + load * PART + line * 64 + piece * 16,
                 row_of(block, line) + chunk * CHUNK + load * LOAD + piece * OWN);
    }
  }

  // Columns that four lanes have loaded.
  template <typename Inputs>
  __device__ static void multiply_load(const Elements<T, OWN> (&own)[4], const Inputs &inputs,
                                       int column, int firstStep, Sums<Inputs::ROWS> &sums) {
    constexpr int ROWS = Inputs::ROWS;
#pragma unroll
    for (int step = 0; step < OWN / 4; step++) {
      unsigned b[TILES<ROWS>][2];
      inputs.template fragments<16>(column + 4 * step, firstStep + step, b);
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
            ::multiply(sums[half][tile], a, b[tile]);
          }
        }
      }
    }
  }

  __device__ static void load(const T *(&rows)[4], int column, Elements<T, OWN> (&values)[4]) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      values[i] = *reinterpret_cast<const Elements<T, OWN> *>(rows[i] + column);
    }
  }

  // A slice, from memory.
  template <typename Inputs>
  __device__ void add(int block, int slice, const Inputs &inputs, int lane,
                      Sums<Inputs::ROWS> &sums) const {
    int panel = block / PANEL_BLOCKS;
    int from = chunk(panel, slice) * CHUNK;
    int to = min(chunk(panel, slice + 1) * CHUNK, this->inputs);
    const T *rows[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      rows[i] = row_of(block, lane / 4 + 8 * i) + lane % 4 * OWN;
    }
    Elements<T, OWN> next[4];
    load(rows, from, next);
    for (int column = from; column < to; column += LOAD) {
      Elements<T, OWN> own[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        own[i] = next[i];
      }
      if (column + LOAD < to) {
        load(rows, column + LOAD, next);
      }
      multiply_load(own, inputs, column + lane % 4 * OWN, 0, sums);
    }
  }

  // A chunk in shared memory.
  template <typename Inputs>
  __device__ void multiply(const unsigned char *stage, int, int, const Inputs &inputs, int lane,
                           Sums<Inputs::ROWS> &sums) const {
#pragma unroll 1
    for (int load = 0; load < LOADS; load++) {
      Elements<T, OWN> own[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const unsigned char *line = stage + load * PART + (lane / 4 + 8 * i) * 64;
        own[i] = reinterpret_cast<const Elements<T, OWN> *>(line)[lane % 4];
      }
      multiply_load(own, inputs, 0, load * (OWN / 4), sums);
    }
  }
};
