// Products with more rows of x: the warps of a block of threads are a grid of blockDim.x / 32 blocks
// of W by blockDim.y batches of ROWS rows of x. They go through the columns of W together, chunk by
// chunk: W passes through a ring of shared memory that all batches use, and x, split into its
// pieces once, through a stage that all blocks of W use.
#pragma once

#include "common/copies.cuh"
#include "sparse/slices.cuh"

constexpr int PANEL_STAGES = 4; // chunks of W on their way

// Blocks of W that a block of threads takes at least.
template <int ROWS> constexpr int LEAST_BLOCKS = ROWS == 8 ? PANEL_BLOCKS : 2;

// Pieces of x in shared memory: [step][PIECES][tile of eight rows][lane], as the instruction wants
// them. Eight threads bring 32 columns of a row, four each, so that they use whole sectors; that
// these belong to several steps makes no bank conflicts, because a step begins STEP words later
// than a multiple of 32.
template <typename Weights, int ROWS> struct Stage {
  static constexpr int STEP = Weights::STEP;
  static constexpr int PIECES = Weights::INPUT_PIECES;
  static constexpr int WORDS = STEP / 8; // of a lane
  static constexpr int COLUMNS = 32;     // that eight threads bring
  static constexpr int MOST = ROWS * Weights::MOST_COLUMNS / (128 * LEAST_BLOCKS<ROWS>);
  static constexpr int ITEMS = MOST < 1 ? 1 : MOST;

  using Items = Floats<4>[ITEMS];

  unsigned *words;
  const Product &p;
  bool wide;
  int spans; // of COLUMNS in a chunk
  int tiles;
  int lines; // rows that a thread serves: one, or two with `apart` rows between them
  int apart;
  int own; // the first of them
  int span;
  int nextSpan; // from span to span of a thread

  __device__ Stage(unsigned char *memory, const Product &p, int columns, int thread)
      : words(reinterpret_cast<unsigned *>(memory)), p(p), wide(p.wide()),
        spans(columns / COLUMNS), tiles(blockDim.y * ROWS / 8) {
    int rows = blockDim.y * ROWS;
    apart = blockDim.x * blockDim.y / 8;
    lines = apart < rows ? 2 : 1;
    own = thread / 8 % rows;
    span = thread / 8 / rows;
    nextSpan = max(1, apart / rows);
  }

  __device__ int line(int i) const { return lines == 2 ? i % 2 : 0; }
  __device__ int span_of(int i) const { return lines == 2 ? i / 2 : span + i * nextSpan; }
  __device__ int step_words() const { return PIECES * tiles * 32 * WORDS + STEP; }
  __device__ int bytes() const { return spans * COLUMNS / STEP * step_words() * 4; }

  __device__ void load(int chunk, long long firstRow, int thread, Items &items) const {
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      if (span_of(i) < spans) {
        long long row = firstRow + own + line(i) * apart;
        int column = (chunk * spans + span_of(i)) * COLUMNS + thread % 8 * 4;
        items[i] = load_floats<4>(row < p.rows ? p.x + row * p.inputs : nullptr, column, p.inputs,
                                  wide);
      }
    }
  }

  __device__ void put(int thread, const Items &items) {
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      if (span_of(i) < spans) {
        int2 place = Weights::place(thread % 8);
        int step = span_of(i) * (COLUMNS / STEP) + place.x;
        int row = own + line(i) * apart;
        unsigned *to = words + step * step_words() +
                       (row / 8 * 32 + row % 8 * 4 + place.y) * WORDS;
        float rests[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          rests[j] = items[i].value[j];
        }
#pragma unroll
        for (int piece = 0; piece < PIECES; piece++) {
          // As one number: two words would become two stores, in conflict with each other.
          *reinterpret_cast<unsigned long long *>(to + piece * tiles * 32 * WORDS) =
              (unsigned long long)upper(rests[2], rests[3]) << 32 | upper(rests[0], rests[1]);
#pragma unroll
          for (int j = 0; j < 4; j++) {
            rests[j] = rest(rests[j]);
          }
        }
      }
    }
  }
};

// The rows of x of a warp, in a stage.
template <typename Weights, int ROWS_, int TILES_OF_WARP = ROWS_ / 8> struct StagedInputs {
  static constexpr int ROWS = ROWS_;

  const unsigned *words;
  int stepWords;
  int tiles;     // of the stage
  int firstTile; // of this warp
  int firstRow;
  int rows;
  int lane;

  template <int STEP>
  __device__ void fragments(int, int step, unsigned (&b)[TILES<ROWS>][STEP / 8]) const {
    constexpr int PIECES = Weights::INPUT_PIECES;
#pragma unroll
    for (int i = 0; i < TILES_OF_WARP; i++) {
#pragma unroll
      for (int piece = 0; piece < PIECES; piece++) {
        int at = (piece * tiles + firstTile + i) * 32 + lane;
        const unsigned *from = words + step * stepWords;
        if constexpr (STEP == 16) {
          auto both = reinterpret_cast<const unsigned long long *>(from)[at];
          b[3 * i + piece][0] = (unsigned)both;
          b[3 * i + piece][1] = (unsigned)(both >> 32);
        } else {
          b[3 * i + piece][0] = from[at];
        }
      }
    }
  }
};

template <int ROWS, typename Weights>
__device__ void panel_product(const Product &p, const Weights &weights, unsigned char *shared) {
  int together = blockDim.x / 32;
  int thread = threadIdx.y * blockDim.x + threadIdx.x;
  int lane = threadIdx.x % 32;
  int local = threadIdx.x / 32;
  int2 unit = p.whole ? make_int2(blockIdx.x * together / PANEL_BLOCKS, 0)
                      : weights.share_unit(blockIdx.x);
  int block = (p.whole ? blockIdx.x * together : unit.x * PANEL_BLOCKS) + local;
  bool there = block < p.blocks();
  PanelSlices slices = weights.slices(unit.x);
  int shareBehind = p.whole ? slices.shares() : unit.y + 1;
  int firstSlice = slices.first + slices.share(unit.y);
  int firstChunk = weights.chunk(unit.x, firstSlice);
  int lastChunk = weights.chunk(unit.x, slices.first + slices.share(shareBehind));
  unsigned char *ring = shared + local * PANEL_STAGES * weights.stride;
  auto fetch = [&](int chunk) {
    if (there && chunk < lastChunk) {
      weights.fetch(block, chunk, ring + chunk % PANEL_STAGES * weights.stride,
                    threadIdx.y * 32 + lane, blockDim.y * 32);
    }
    commit_copies();
  };
  unsigned char *behind = shared + together * PANEL_STAGES * weights.stride;
  Stage<Weights, ROWS> stage(behind, p, weights.chunk_columns(), thread);
  // Sums of whole shares, one of each thread behind the other; they are needed seldom.
  float *totals = reinterpret_cast<float *>(behind + stage.bytes()) + thread;
  int threads = blockDim.x * blockDim.y;
  for (int tile = blockIdx.y; tile * (long long)(blockDim.y * ROWS) < p.rows; tile += gridDim.y) {
    long long firstRow = tile * (long long)(blockDim.y * ROWS);
    int batch = tile * blockDim.y + threadIdx.y;
    bool active = there && batch * (long long)ROWS < p.rows;
    StagedInputs<Weights, ROWS> inputs = {stage.words, stage.step_words(), stage.tiles,
                                          (int)threadIdx.y * ROWS / 8, batch * ROWS,
                                          p.rows - batch * ROWS, lane};
    Sums<ROWS> sums;
    clear<ROWS>(sums);
    Outputs<ROWS> share;
#pragma unroll
    for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
      totals[i * threads] = 0;
    }
    int slice = firstSlice;
    int shares = unit.y;
    typename Stage<Weights, ROWS>::Items next;
    stage.load(firstChunk, firstRow, thread, next);
    for (int i = 0; i < PANEL_STAGES - 1; i++) {
      fetch(firstChunk + i);
    }
    for (int chunk = firstChunk; chunk < lastChunk; chunk++) {
      fetch(chunk + PANEL_STAGES - 1);
      stage.put(thread, next);
      await_copies<PANEL_STAGES - 1>();
      __syncthreads();
      stage.load(chunk + 1, firstRow, thread, next);
      if (active) {
        weights.multiply(ring + chunk % PANEL_STAGES * weights.stride, block, chunk, inputs, lane,
                         sums);
      }
      if (chunk + 1 == weights.chunk(unit.x, slice + 1)) {
        slice++;
        share.add(sums);
        clear<ROWS>(sums);
        if (slice == slices.first + slices.share(shares + 1)) {
          shares++;
#pragma unroll
          for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
            totals[i * threads] += share.value[i];
            share.value[i] = 0;
          }
        }
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
      share.value[i] = totals[i * threads];
    }
    if (active && (p.whole || slices.shares() == 1)) {
      store_all<ROWS>(p, weights, block, batch * ROWS, lane, share);
    } else if (active) {
      deliver<ROWS, false>(p, weights, slices, block, batch, unit.y, slices.shares(), lane, share);
    }
  }
}
