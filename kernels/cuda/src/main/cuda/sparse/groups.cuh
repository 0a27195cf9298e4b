// Weights as groups of codes with a scale each, some of them left out.
//
// A tile is one group of each row of a block. A chunk is a run of tiles that is brought to shared
// memory at once: [a word a tile with a bit for each row that has the group, where some are left
// out] [codes] [F16 scales] [U8 zero points, unless all are the same], each part beginning at a
// multiple of 16 bytes. Codes of a tile lie by steps of 16 columns (8 if a group has no more), and
// in a step by rows, so that neighbouring lanes find theirs in neighbouring words. Each warp has a
// ring of chunks of its own and waits for nobody else.
#pragma once

#include "common/copies.cuh"
#include "sparse/codes.cuh"
#include "sparse/slices.cuh"

constexpr int STAGES = 4; // chunks of a ring

__device__ inline int aligned16(int bytes) { return (bytes + 15) & ~15; }

// Rows of x that were rounded to codes are their codes, with a scale for each group (ROUNDED).
template <int BITS, int STEP, bool SPARSE, bool ROUNDED> struct GroupWeights {
  static constexpr bool REPEATS = false;
  static constexpr int ROW_BYTES = STEP * BITS / 8; // codes of a row in a step

  const uint4 *stream;
  const unsigned *chunkStart; // [chunks + 1], in units of 16 bytes
  const int *sliceChunk;      // [slices + 1]
  const int *blockSlice;      // [blocks + 1]
  const int2 *order;          // block and slice of each unit
  int outputs;
  int blocks;
  int sliceCount;
  int groups; // of a row
  int groupSize;
  int tiles; // of a chunk
  int zero;  // of all groups, or -1
  int stride; // bytes of a ring's stage
  unsigned char *ring;
  const float *xScales; // [rows of x][groups], if they are rounded

  __device__ int all_slices() const { return sliceCount; }

  __device__ bool find(int unit, bool whole, Slices &found) const {
    if (unit >= (whole ? blocks : sliceCount)) {
      return false;
    }
    int2 place = whole ? make_int2(unit, 0) : order[unit];
    found.block = place.x;
    found.first = blockSlice[place.x];
    int behind = blockSlice[place.x + 1];
    found.count = behind - found.first;
    found.from = whole ? found.first : place.y;
    found.to = whole ? behind : place.y + 1;
    return true;
  }

  __device__ void fetch(int chunk, int first, int last, int lane) const {
    if (chunk < last) {
      const uint4 *from = stream + chunkStart[chunk];
      int count = chunkStart[chunk + 1] - chunkStart[chunk];
      uint4 *to = reinterpret_cast<uint4 *>(ring + (chunk - first) % STAGES * stride);
      for (int i = lane; i < count; i += 32) {
        copy_async(to + i, from + i);
      }
    }
    commit_copies();
  }

  template <int ROWS>
  __device__ void add(int block, int slice, const Inputs<ROWS> &inputs, int lane,
                      Sums<ROWS> &sums) const {
    int first = sliceChunk[slice];
    int last = sliceChunk[slice + 1];
    int blockChunk = sliceChunk[blockSlice[block]];
    for (int i = 0; i < STAGES - 1; i++) {
      fetch(first + i, first, last, lane);
    }
    for (int chunk = first; chunk < last; chunk++) {
      fetch(chunk + STAGES - 1, first, last, lane);
      await_copies<STAGES - 1>();
      __syncwarp();
      int group = (chunk - blockChunk) * tiles;
      multiply_chunk<ROWS>(ring + (chunk - first) % STAGES * stride, block, group, inputs, lane,
                           sums);
      __syncwarp();
    }
  }

  template <int ROWS>
  __device__ void multiply_chunk(const unsigned char *chunk, int block, int group,
                                 const Inputs<ROWS> &inputs, int lane, Sums<ROWS> &sums) const {
    int count = min(tiles, groups - group);
    int blockRows = min(outputs - block * BLOCK_ROWS, BLOCK_ROWS);
    unsigned all = 0xffffffffu >> (BLOCK_ROWS - blockRows);
    const unsigned *masks = reinterpret_cast<const unsigned *>(chunk);
    int kept = 0;
    if constexpr (SPARSE) {
      for (int i = 0; i < count; i++) {
        kept += __popc(masks[i]);
      }
    } else {
      kept = count * blockRows;
    }
    int groupBytes = groupSize * BITS / 8;
    const unsigned char *codes = chunk + (SPARSE ? aligned16(4 * count) : 0);
    const unsigned char *scaleBytes = codes + aligned16(kept * groupBytes);
    const __half *scales = reinterpret_cast<const __half *>(scaleBytes);
    const unsigned char *zeros = scaleBytes + aligned16(2 * kept);
    for (int i = 0; i < count; i++) {
      unsigned mask = SPARSE ? masks[i] : all;
      if (mask == 0) {
        continue;
      }
      int tileRows = __popc(mask);
      multiply_tile<ROWS>(codes, scales, zeros, mask, tileRows, (group + i) * groupSize, inputs,
                          lane, sums);
      codes += tileRows * groupBytes;
      scales += tileRows;
      zeros += tileRows;
    }
  }

  template <int ROWS>
  __device__ void multiply_tile(const unsigned char *codes, const __half *scales,
                                const unsigned char *zeros, unsigned mask, int tileRows, int column,
                                const Inputs<ROWS> &inputs, int lane, Sums<ROWS> &sums) const {
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
      typename Inputs<ROWS>::template Values<STEP> values;
      inputs.template load<STEP>(column + k, values);
      unsigned b[TILES<ROWS>][STEP / 8];
      inputs.template split<STEP>(values, b);
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
            multiply(own[half][tile], a, b[tile]);
          }
        }
      }
      codes += tileRows * ROW_BYTES;
    }
    float xScale[TILES<ROWS>][2];
    if constexpr (ROUNDED) {
      load_scales<ROWS>(inputs, column / groupSize, lane, xScale);
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
  template <int ROWS>
  __device__ void load_scales(const Inputs<ROWS> &inputs, int group, int lane,
                              float (&xScale)[TILES<ROWS>][2]) const {
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

#define GROUP_MATMUL(NAME, BITS, STEP, SPARSE, ROUNDED, ROWS)                                       \
  extern "C" __global__ void __launch_bounds__(32 * WARPS, resident(ROWS))                         \
      NAME(const float *x, float *y, int rows, int outputs, int inputs, int whole, float *partial, \
           unsigned *arrived, const uint4 *stream, const unsigned *chunkStart,                     \
           const int *sliceChunk, const int *blockSlice, const int2 *order, int sliceCount,        \
           int groups, int groupSize, int tiles, int zero, int stride, const float *xScales) {     \
    extern __shared__ uint4 rings[];                                                               \
    Product p = {x, y, rows, outputs, inputs, whole, partial, arrived};                            \
    unsigned char *ring = reinterpret_cast<unsigned char *>(rings) +                               \
                          threadIdx.x / 32 * STAGES * stride;                                      \
    int blocks = (outputs + BLOCK_ROWS - 1) / BLOCK_ROWS;                                          \
    GroupWeights<BITS, STEP, SPARSE, ROUNDED> weights = {                                          \
        stream,     chunkStart, sliceChunk, blockSlice, order, outputs, blocks,                    \
        sliceCount, groups,     groupSize,  tiles,      zero,  stride,  ring,                      \
        xScales};                                                                                  \
    product<ROWS>(p, weights);                                                                     \
  }

#define GROUP_MATMULS(NAME, SPARSE, ROWS)                                                          \
  GROUP_MATMUL(NAME##_w8_g8_##ROWS, 8, 8, SPARSE, false, ROWS)                                     \
  GROUP_MATMUL(NAME##_w4_g8_##ROWS, 4, 8, SPARSE, false, ROWS)                                     \
  GROUP_MATMUL(NAME##_w2_g8_##ROWS, 2, 8, SPARSE, false, ROWS)                                     \
  GROUP_MATMUL(NAME##_w8_##ROWS, 8, 16, SPARSE, false, ROWS)                                       \
  GROUP_MATMUL(NAME##_w4_##ROWS, 4, 16, SPARSE, false, ROWS)                                       \
  GROUP_MATMUL(NAME##_w2_##ROWS, 2, 16, SPARSE, false, ROWS)
