package dev.warpwright.kernels.cpu.reduce;

/**
 * Columns cut into blocks. The result does not depend on the cut.
 *
 * @param total number of columns
 * @param columns columns of a block, a multiple of 256; the last block may have fewer
 */
record ColumnBlocks(long total, int columns) {
  /** 64 KiB of a row: long enough runs for the prefetcher, short enough for a counter in L2. */
  private static final int MOST = 16384;

  private static final int LEAST = 256;

  /** Blocks that fit into the cache and of which every thread gets some. */
  static ColumnBlocks of(long total, int threads) {
    long share = total / (4L * threads);
    int columns = (int) Math.max(LEAST, Math.min(MOST, share));
    return new ColumnBlocks(total, columns / LEAST * LEAST);
  }

  int count() {
    return Math.toIntExact((total + columns - 1) / columns);
  }

  long from(int block) {
    return (long) block * columns;
  }

  int length(int block) {
    return (int) Math.min(columns, total - from(block));
  }

  /** Size of a block's buffer. */
  long bytes() {
    return 4L * columns;
  }

  /** {@code count} rounded up to whole rounds of the vector loops. */
  static int padded(int count) {
    return (count + VectorColumns.STEP - 1) / VectorColumns.STEP * VectorColumns.STEP;
  }
}
