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

  /** Bytes of a slice, if groups are enough; its sums are 1 KiB a row of x. */
  private static final int SLICE_BYTES = 32 << 10;

  /** Slices of a share at least, if there are so many; see {@code slices.cuh}. */
  private static final int SHARE_SLICES = 3;

  static int aligned(int bytes) {
    return (bytes + UNIT - 1) / UNIT * UNIT;
  }

  /** Columns of a chunk at most, where a group has 8. */
  private static final int NARROW_COLUMNS = 64;

  private static final int NARROW_GROUP = 8;

  /** Tiles, groups of a row, of a chunk. */
  int tiles() {
    int tiles = Math.max(1, CODE_BYTES / (Blocks.ROWS * grouping.codeBytes()));
    return grouping.size() == NARROW_GROUP ? Math.min(tiles, NARROW_COLUMNS / NARROW_GROUP) : tiles;
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

  /** Slices of a panel whose chunks have so many bytes. */
  int slices(long panelBytes, int columns) {
    return Math.clamp(Math.ceilDiv(panelBytes, SLICE_BYTES), 1, chunks(columns));
  }

  /** Slices of a panel at most. */
  int mostSlices(int columns) {
    return slices((long) Blocks.PANEL * most() * chunks(columns), columns);
  }

  /** Shares of a panel with so many slices. */
  static int shares(int slices) {
    return Math.max(1, slices / SHARE_SLICES);
  }
}
