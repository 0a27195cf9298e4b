package dev.warpwright.cuda.sparse;

import dev.warpwright.kernels.sparse.Grouping;

/**
 * Sizes of chunks of groups; see {@code groups.cuh}.
 *
 * @param grouping codes and groups
 * @param sparse whether groups may be left out
 */
record ChunkSizes(Grouping grouping, boolean sparse) {
  /** Parts of a chunk begin at multiples of it. */
  static final int UNIT = 16;

  /** Bytes of codes that the rows of a block have in a chunk, unless a group has more. */
  private static final int CODE_BYTES = 1 << 10;

  /** Bytes of a slice, if groups are enough; its sums are 256 bytes a row of x. */
  private static final int SLICE_BYTES = 8 << 10;

  static int aligned(int bytes) {
    return (bytes + UNIT - 1) / UNIT * UNIT;
  }

  /** Tiles, groups of a row, of a chunk. */
  int tiles() {
    return Math.max(1, CODE_BYTES / (Blocks.ROWS * grouping.codeBytes()));
  }

  /** Chunks of a block. */
  int chunks(int columns) {
    return Math.ceilDiv(grouping.groups(columns), tiles());
  }

  /** Bytes of the masks before the codes of a chunk with so many tiles. */
  int maskBytes(int tiles) {
    return sparse ? aligned(Integer.BYTES * tiles) : 0;
  }

  /** Bytes of a chunk with so many tiles that keep so many groups. */
  int bytes(int tiles, int kept) {
    return maskBytes(tiles)
        + aligned(kept * grouping.codeBytes())
        + aligned(kept * Short.BYTES)
        + (grouping.symmetric() ? 0 : aligned(kept));
  }

  /** Bytes of the largest chunk. */
  int most() {
    return bytes(tiles(), Blocks.ROWS * tiles());
  }

  /** Slices of a block whose chunks have so many bytes. */
  int slices(long blockBytes, int columns) {
    return Math.clamp(Math.ceilDiv(blockBytes, SLICE_BYTES), 1, chunks(columns));
  }

  /** Slices of a block at most. */
  int mostSlices(int columns) {
    return slices((long) most() * chunks(columns), columns);
  }
}
