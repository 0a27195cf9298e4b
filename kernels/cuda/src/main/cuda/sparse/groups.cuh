// Weights as groups of codes with a scale each, some of them left out.
//
// A tile is one group of each row of a block. A chunk is a run of tiles that is brought to shared
// memory at once: [a word a tile with a bit for each row that has the group, where some are left
// out] [codes] [F16 scales] [U8 zero points, unless all are the same], each part beginning at a
// multiple of 16 bytes. Codes of a tile lie by steps of 16 columns (8 if a group has no more), and
// in a step by rows, so that neighbouring lanes find theirs in neighbouring words.
#pragma once

#include "sparse/codes.cuh"
#include "sparse/narrow.cuh"
#include "sparse/panel.cuh"

constexpr int STAGES = 4; // chunks of a warp's ring

__device__ inline int aligned16(int bytes) { return (bytes + 15) & ~15; }

// A matrix in memory.
struct GroupMatrix {
  const uint4 *stream;
  const unsigned *chunkStart; // [blocks][chunks] and the end, in units of 16 bytes
  const int *sliceChunk;      // [slices + 1], counting the chunks of a panel's block
  const int *panelSlice;      // [panels + 1]
  const int2 *sliceUnits;     // panel and slice of each unit of work
  const int2 *shareUnits;     // panel and share
  int sliceCount;
  int shareCount;
};

// What matrices of a shape and format have in common.
struct GroupShape {
  int outputs;
  int groups; // of a row
  int groupSize;
  int tiles;  // of a chunk
  int zero;   // of all groups, or -1
  int stride; // bytes of a ring's stage
};

// Rows of x that were rounded to codes are their codes, with a scale for each group (ROUNDED).
template <int BITS, int STEP_, bool SPARSE, bool ROUNDED>
struct GroupWeights : GroupMatrix, GroupShape {
  using Matrix = GroupMatrix;
  using Shape = GroupShape;

  static constexpr bool REPEATS = false;
  // With two rows of x, reading them once a block would be a good part of the traffic.
  static constexpr int NARROW_ROWS = SPARSE ? 1 : 2;
  static constexpr int STEP = STEP_;
  static constexpr int ROW_BYTES = STEP * BITS / 8; // codes of a row in a step
  static constexpr int INPUT_PIECES = ROUNDED ? 1 : 3;
  static constexpr int MOST_COLUMNS = STEP == 8 ? 64 : 128; // of a chunk

  unsigned char *ring;  // of this warp
  const float *xScales; // [rows of x][groups], if they are rounded

  __device__ GroupWeights(const Matrix &matrix, const Shape &shape, unsigned char *shared,
                          const float *xScales = nullptr)
      : Matrix(matrix), Shape(shape), ring(shared + threadIdx.x / 32 * STAGES * shape.stride),
        xScales(xScales) {}

  __device__ int all_slices() const { return sliceCount; }
  __device__ int all_shares() const { return shareCount; }
  __device__ int2 slice_unit(int unit) const { return sliceUnits[unit]; }
  __device__ int2 share_unit(int unit) const { return shareUnits[unit]; }
  __device__ int block_chunks() const { return (groups + tiles - 1) / tiles; }
  __device__ int chunk_columns() const { return tiles * groupSize; }

  __device__ PanelSlices slices(int panel) const {
    return {panelSlice[panel], panelSlice[panel + 1] - panelSlice[panel]};
  }

  // Chunk of a panel's blocks that a slice begins with.
  __device__ int chunk(int panel, int slice) const {
    return sliceChunk[slice] - panel * block_chunks();
  }

  // Step, and lane of a row of x, of the i-th four of 32 columns.
  __device__ static int2 place(int i) {
    return STEP == 16 ? make_int2(i / 4, i % 4) : make_int2(i / 2, i % 2 * 2);
  }

  // Brings units of the stream to shared memory.
  __device__ void copy(unsigned from, unsigned to, unsigned char *into, int thread,
                       int threads) const {
    uint4 *units = reinterpret_cast<uint4 *>(into);
    for (unsigned i = from + thread; i < to; i += threads) {
      copy_async(units + (i - from), stream + i);
    }
  }

  __device__ void fetch(int block, int chunk, unsigned char *into, int thread, int threads) const {
    const unsigned *begin = chunkStart + (long long)block * block_chunks() + chunk;
    copy(begin[0], begin[1], into, thread, threads);
  }

  // A slice, through the ring of a warp. A lane knows where one of the next 32 chunks begins.
  template <typename Inputs>
  __device__ void add(int block, int slice, const Inputs &inputs, int lane,
                      Sums<Inputs::ROWS> &sums) const {
    int panel = block / PANEL_BLOCKS;
    int first = chunk(panel, slice);
    int last = chunk(panel, slice + 1);
    const unsigned *begins = chunkStart + (long long)block * block_chunks();
    unsigned begin = 0;
    auto next = [&](int chunk) {
      if (chunk < last) {
        int ahead = (chunk - first) % 31;
        if (ahead == 0) {
          begin = begins[min(chunk + lane, last)];
        }
        unsigned from = __shfl_sync(0xffffffffu, begin, ahead);
        unsigned to = __shfl_sync(0xffffffffu, begin, ahead + 1);
        copy(from, to, ring + (chunk - first) % STAGES * stride, lane, 32);
      }
      commit_copies();
    };
    for (int i = 0; i < STAGES - 1; i++) {
      next(first + i);
    }
    for (int chunk = first; chunk < last; chunk++) {
      next(chunk + STAGES - 1);
      await_copies<STAGES - 1>();
      __syncwarp();
      multiply(ring + (chunk - first) % STAGES * stride, block, chunk, inputs, lane, sums);
      __syncwarp();
    }
  }

  // A chunk in shared memory.
  template <typename Inputs>
  __device__ void multiply(const unsigned char *stage, int block, int chunk, const Inputs &inputs,
                           int lane, Sums<Inputs::ROWS> &sums) const {
    int group = chunk * tiles;
    int count = min(tiles, groups - group);
    int blockRows = min(outputs - block * BLOCK_ROWS, BLOCK_ROWS);
    unsigned all = 0xffffffffu >> (BLOCK_ROWS - blockRows);
    const unsigned *masks = reinterpret_cast<const unsigned *>(stage);
    int kept = 0;
    if constexpr (SPARSE) {
      for (int i = 0; i < count; i++) {
        kept += __popc(masks[i]);
      }
    } else {
      kept = count * blockRows;
    }
    int groupBytes = groupSize * BITS / 8;
    const unsigned char *codes = stage + (SPARSE ? aligned16(4 * count) : 0);
    const unsigned char *scaleBytes = codes + aligned16(kept * groupBytes);
    const __half *scales = reinterpret_cast<const __half *>(scaleBytes);
    const unsigned char *zeros = scaleBytes + aligned16(2 * kept);
    for (int i = 0; i < count; i++) {
      unsigned mask = SPARSE ? masks[i] : all;
      if (mask == 0) {
        continue;
      }
      int tileRows = __popc(mask);
      multiply_tile(codes, scales, zeros, mask, tileRows, group + i, i * groupSize, inputs, lane,
                    sums);
      codes += tileRows * groupBytes;
      scales += tileRows;
      zeros += tileRows;
    }
  }

  // A group of each row; `staged` columns of the chunk lie before it.
  template <typename Inputs>
  __device__ void multiply_tile(const unsigned char *codes, const __half *scales,
                                const unsigned char *zeros, unsigned mask, int tileRows, int group,
                                int staged, const Inputs &inputs, int lane,
                                Sums<Inputs::ROWS> &sums) const {
    constexpr int ROWS = Inputs::ROWS;
    int column = group * groupSize + lane % 4 * (STEP / 4);
    // Of the rows of this lane: where they are in the tile, -1 if left out.
    int place[4];
    __nv_bfloat162 minus[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int row = lane / 4 + 8 * i;
      place[i] = mask >> row & 1 ? __popc(mask & ((1u << row) - 1)) : -1;
      minus[i] = twice(place[i] < 0 ? 0 : zero >= 0 ? zero : zeros[place[i]]);
    }
    Sums<ROWS> own;
    clear<ROWS>(own);
    for (int k = 0; k < groupSize; k += STEP) {
      unsigned b[TILES<ROWS>][STEP / 8];
      inputs.template fragments<STEP>(column + k, (staged + k) / STEP, b);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        unsigned upperRow[2];
        unsigned lowerRow[2];
        decode<BITS>(codes_of(codes, place[2 * half], lane), minus[2 * half], upperRow);
        decode<BITS>(codes_of(codes, place[2 * half + 1], lane), minus[2 * half + 1], lowerRow);
        unsigned a[STEP / 4];
        a[0] = upperRow[0];
        a[1] = lowerRow[0];
        if constexpr (STEP == 16) {
          a[2] = upperRow[1];
          a[3] = lowerRow[1];
        }
#pragma unroll
        for (int tile = 0; tile < TILES<ROWS>; tile++) {
          if (!ROUNDED || ROWS == 2 || tile % 3 == 0) { // codes have one piece
            ::multiply(own[half][tile], a, b[tile]);
          }
        }
      }
      codes += tileRows * ROW_BYTES;
    }
    float xScale[TILES<ROWS>][2];
    if constexpr (ROUNDED) {
      load_scales(inputs, group, lane, xScale);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float scale = place[i] < 0 ? 0.f : __half2float(scales[place[i]]);
#pragma unroll
      for (int tile = 0; tile < TILES<ROWS>; tile++) {
#pragma unroll
        for (int j = 0; j < 2; j++) {
          float &sum = sums[i / 2][tile][i % 2 * 2 + j];
          float factor = ROUNDED ? scale * xScale[tile][j] : scale;
          sum = fmaf(factor, own[i / 2][tile][i % 2 * 2 + j], sum);
        }
      }
    }
  }

  // Scales of the rows of x whose sums this lane has.
  template <typename Inputs>
  __device__ void load_scales(const Inputs &inputs, int group, int lane,
                              float (&xScale)[TILES<Inputs::ROWS>][2]) const {
    constexpr int ROWS = Inputs::ROWS;
#pragma unroll
    for (int tile = 0; tile < TILES<ROWS>; tile++) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        int column = lane % 4 * 2 + j;
        int m = ROWS == 2 ? column / 3 : column + 8 * (tile / 3);
        xScale[tile][j] =
            m < inputs.rows ? xScales[(long long)(inputs.firstRow + m) * groups + group] : 0.f;
      }
    }
  }

  // The codes of this lane in a step, four or two of them.
  __device__ static unsigned codes_of(const unsigned char *step, int place, int lane) {
    if (place < 0) {
      return 0;
    }
    const unsigned char *row = step + place * ROW_BYTES;
    int quarter = lane % 4;
    if constexpr (ROW_BYTES == 16) {
      return reinterpret_cast<const unsigned *>(row)[quarter];
    } else if constexpr (ROW_BYTES == 8) {
      return reinterpret_cast<const unsigned short *>(row)[quarter];
    } else if constexpr (ROW_BYTES == 4) {
      return row[quarter];
    } else {
      return row[quarter / 2] >> quarter % 2 * 4; // what is above is not used
    }
  }
};
