// Products with more rows of x: the warps of a block of threads are a grid of blocks of W by batches
// of ROWS rows of x. They go through the columns of W together, chunk by chunk: W passes through a
// ring of shared memory that all batches use, and x, split into its pieces once, through a stage
// that all blocks of W use.
#pragma once

#include "common/copies.cuh"
#include "sparse/slices.cuh"

constexpr int PANEL_STAGES = 4; // chunks of W on their way

// Blocks of W that a block of threads takes at least.
template <int ROWS> constexpr int LEAST_BLOCKS = ROWS == 8 ? PANEL_BLOCKS : 2;

// How the warps of a block of threads are arranged.
struct WarpGrid {
  int blocks;  // of W
  int batches; // of x
  int block;   // of this warp
  int batch;
  int lane;

  // Warps in a row, the blocks of W first.
  __device__ static WarpGrid of(int blocks, int batches) {
    int warp = threadIdx.x / 32;
    return {blocks, batches, warp % blocks, warp / blocks, (int)threadIdx.x % 32};
  }

  // As the launch says.
  __device__ static WarpGrid launched() {
    return {(int)blockDim.x / 32, (int)blockDim.y, (int)threadIdx.x / 32, (int)threadIdx.y,
            (int)threadIdx.x % 32};
  }

  __device__ int threads() const { return blocks * batches * 32; }
  __device__ int thread() const { return (batch * blocks + block) * 32 + lane; }
};

// Words of a step of so many rows of x in shared memory.
template <typename Weights> __device__ int step_words(int rows) {
  return Weights::INPUT_PIECES * rows * Weights::STEP / 2 + Weights::STEP;
}

// Bytes of a ring and a stage.
template <int ROWS, typename Weights>
__device__ int panel_bytes(const Weights &weights, const WarpGrid &warps) {
  int steps = weights.chunk_columns() / Weights::STEP;
  return warps.blocks * PANEL_STAGES * weights.stride +
         steps * step_words<Weights>(warps.batches * ROWS) * 4;
}

// Pieces of x in shared memory: [step][PIECES][tile of eight rows][lane], as the instruction wants
// them. Eight threads bring 32 columns of a row, four each, so that they use whole sectors; that
// these belong to several steps makes no bank conflicts, because a step begins STEP words later
// than a multiple of 32.
template <typename Weights, int ROWS, typename Rows> struct Stage {
  static constexpr int STEP = Weights::STEP;
  static constexpr int PIECES = Weights::INPUT_PIECES;
  static constexpr int WORDS = STEP / 8; // of a lane
  static constexpr int COLUMNS = 32;     // that eight threads bring
  static constexpr int MOST = ROWS * Weights::MOST_COLUMNS / (128 * LEAST_BLOCKS<ROWS>);
  static constexpr int ITEMS = MOST < 1 ? 1 : MOST;

  using Items = Floats<4>[ITEMS];

  unsigned *words;
  const Rows &x;
  int firstRow;
  bool wide;
  int spans; // of COLUMNS in a chunk
  int tiles;
  int lines; // rows that a thread serves: one, or two with `apart` rows between them
  int apart;
  int own; // the first of them
  int span;
  int nextSpan; // from span to span of a thread

  __device__ Stage(unsigned char *memory, const Rows &x, int firstRow, int chunkColumns,
                   const WarpGrid &warps)
      : words(reinterpret_cast<unsigned *>(memory)), x(x), firstRow(firstRow), wide(x.wide()),
        spans(chunkColumns / COLUMNS), tiles(warps.batches * ROWS / 8) {
    int rows = warps.batches * ROWS;
    int thread = warps.thread();
    apart = warps.threads() / 8;
    lines = apart < rows ? 2 : 1;
    own = thread / 8 % rows;
    span = thread / 8 / rows;
    nextSpan = max(1, apart / rows);
  }

  __device__ int line(int i) const { return lines == 2 ? i % 2 : 0; }
  __device__ int span_of(int i) const { return lines == 2 ? i / 2 : span + i * nextSpan; }
  __device__ int words_of_step() const { return step_words<Weights>(8 * tiles); }

  __device__ void load(int chunk, int thread, Items &items) const {
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      if (span_of(i) < spans) {
        int column = (chunk * spans + span_of(i)) * COLUMNS + thread % 8 * 4;
        items[i] = load_floats<4>(x[firstRow + own + line(i) * apart], column, x.columns,
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
        unsigned *to = words + step * words_of_step() +
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

// Sums of this warp's block and batch over the shares [firstShare, behind) of a panel, one of each
// thread behind the other from `totals` on, where this thread's first is. `shared` is a ring and a
// stage.
template <int ROWS, typename Weights, typename Rows>
__device__ void panel_sums(const Weights &weights, int panel, int firstShare, int behind, int block, bool there, const Rows &x,
                           int firstRow, const WarpGrid &warps, unsigned char *shared,
                           float *totals) {
  PanelSlices slices = weights.slices(panel);
  int slice = slices.first + slices.share(firstShare);
  int firstChunk = weights.chunk(panel, slice);
  int lastChunk = weights.chunk(panel, slices.first + slices.share(behind));
  unsigned char *ring = shared + warps.block * PANEL_STAGES * weights.stride;
  auto fetch = [&](int chunk) {
    if (there && chunk < lastChunk) {
      weights.fetch(block, chunk, ring + chunk % PANEL_STAGES * weights.stride,
                    warps.batch * 32 + warps.lane, warps.batches * 32);
    }
    commit_copies();
  };
  Stage<Weights, ROWS, Rows> stage(shared + warps.blocks * PANEL_STAGES * weights.stride, x,
                                   firstRow, weights.chunk_columns(), warps);
  int thread = warps.thread();
  int threads = warps.threads();
  int ownFirst = firstRow + warps.batch * ROWS;
  bool active = there && ownFirst < x.count;
  StagedInputs<Weights, ROWS> inputs = {stage.words, stage.words_of_step(), stage.tiles,
                                        warps.batch * ROWS / 8, ownFirst, x.count - ownFirst,
                                        warps.lane};
  Sums<ROWS> sums;
  clear<ROWS>(sums);
  Outputs<ROWS> share;
#pragma unroll
  for (int i = 0; i < Outputs<ROWS>::COUNT; i++) {
    totals[i * threads] = 0; // in shared memory: they are needed seldom
  }
  int shares = firstShare;
  typename Stage<Weights, ROWS, Rows>::Items next;
  stage.load(firstChunk, thread, next);
  for (int i = 0; i < PANEL_STAGES - 1; i++) {
    fetch(firstChunk + i);
  }
  for (int chunk = firstChunk; chunk < lastChunk; chunk++) {
    fetch(chunk + PANEL_STAGES - 1);
    stage.put(thread, next);
    await_copies<PANEL_STAGES - 1>();
    __syncthreads();
    stage.load(chunk + 1, thread, next);
    if (active) {
      weights.multiply(ring + chunk % PANEL_STAGES * weights.stride, block, chunk, inputs,
                       warps.lane, sums);
    }
    if (chunk + 1 == weights.chunk(panel, slice + 1)) {
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
}

// What panel_sums has left of a lane, in shared memory. Loops over it are not unrolled: what follows
// a sum is long, and a copy for each takes the compiler minutes.
struct Totals {
  static constexpr int UNROLLED = 1;

  const float *first;
  int threads;

  __device__ float operator[](int i) const { return first[i * threads]; }
};

template <int ROWS, typename Weights>
__device__ void panel_product(const Product &p, const Weights &weights, unsigned char *shared) {
  WarpGrid warps = WarpGrid::launched();
  int2 unit = p.whole ? make_int2(blockIdx.x * warps.blocks / PANEL_BLOCKS, 0)
                      : weights.share_unit(blockIdx.x);
  int block = (p.whole ? blockIdx.x * warps.blocks : unit.x * PANEL_BLOCKS) + warps.block;
  bool there = block < blocks_of(p.outputs);
  PanelSlices slices = weights.slices(unit.x);
  int behind = p.whole ? slices.shares() : unit.y + 1;
  float *totals =
      reinterpret_cast<float *>(shared + panel_bytes<ROWS>(weights, warps)) + warps.thread();
  int tileRows = warps.batches * ROWS;
  for (int tile = blockIdx.y; tile * (long long)tileRows < p.x.count; tile += gridDim.y) {
    panel_sums<ROWS>(weights, unit.x, unit.y, behind, block, there, p.x, tile * tileRows,
                     warps, shared, totals);
    int ownFirst = tile * tileRows + warps.batch * ROWS;
    if (there && ownFirst < p.x.count) {
      Totals sums = {totals, warps.threads()};
      if (p.whole || slices.shares() == 1) {
        store_all<ROWS>(p, weights, block, ownFirst, warps.lane, sums);
      } else {
        deliver<ROWS, false>(p, weights, slices, block, ownFirst / ROWS, unit.y, warps.lane, sums);
      }
    }
  }
}
