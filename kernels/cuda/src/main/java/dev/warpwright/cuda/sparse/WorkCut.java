package dev.warpwright.cuda.sparse;

import dev.warpwright.kernels.sparse.WeightFormat;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;

/**
 * How a product is spread over blocks of threads; see {@code slices.cuh} and {@code panel.cuh}.
 *
 * @param blocks blocks of rows of the weights
 * @param mostSlices slices of a panel at most
 * @param narrowRows rows of x at most that warps read for themselves
 * @param multiprocessors multiprocessors of the device
 */
record WorkCut(int blocks, int mostSlices, int narrowRows, int multiprocessors) {
  /** With more rows of x, the sums of shares would be a good part of the traffic. */
  static final int MOST_CUT = 32;

  /** Warps, and blocks of threads, of a multiprocessor that are enough. */
  private static final int ENOUGH_WARPS = 32;

  private static final int ENOUGH_BLOCKS = 2;

  /** Blocks of the weights and batches of x in a block of threads that takes many rows of x. */
  static final int TILE_BLOCKS = 2;

  static final int TILE_BATCHES = 4;

  /** Rows of x that a warp takes; each has a kernel. */
  enum Batch {
    TWO(2),
    EIGHT(8),
    SIXTEEN(16);

    final int rows;

    Batch(int rows) {
      this.rows = rows;
    }
  }

  /**
   * Rows of x at most that warps read for themselves. Where groups are left out, two rows would be
   * a good part of the traffic.
   */
  static int narrowRows(WeightFormat format) {
    return format instanceof WeightFormat.GroupSparse ? 1 : Batch.TWO.rows;
  }

  /** What multiplies so many rows of x. */
  Batch batch(int rows) {
    return rows <= narrowRows ? Batch.TWO : rows <= Batch.EIGHT.rows ? Batch.EIGHT : Batch.SIXTEEN;
  }

  /** Batches of so many rows of x. */
  int batches(int rows) {
    return Math.ceilDiv(rows, batch(rows).rows);
  }

  /** Whether a block of threads takes a slice or a share of a panel; otherwise all its columns. */
  boolean isCut(int rows) {
    int panels = Math.ceilDiv(blocks, Blocks.PANEL);
    boolean few =
        batch(rows) == Batch.TWO
            ? panels * Blocks.PANEL < ENOUGH_WARPS * multiprocessors
            : panels < ENOUGH_BLOCKS * multiprocessors;
    return mostSlices > 1 && rows <= MOST_CUT && few;
  }

  /** Blocks of the weights in a block of threads. */
  static int together(int rows) {
    return rows <= MOST_CUT ? Blocks.PANEL : TILE_BLOCKS;
  }

  /** Batches of x in a block of threads. */
  int batchesTogether(int rows) {
    return rows <= MOST_CUT ? batches(rows) : TILE_BATCHES;
  }

  /** Bytes of a counter for each block and batch, for any number of rows up to {@code maxRows}. */
  long counterBytes(int maxRows) {
    return most(maxRows, rows -> (long) batches(rows) * blocks * Integer.BYTES);
  }

  /** Bytes of the sums of all slices. */
  long sumBytes(int maxRows) {
    return most(
        maxRows,
        rows ->
            (long) batches(rows)
                * batch(rows).rows
                * Math.ceilDiv(blocks, Blocks.PANEL)
                * mostSlices
                * Blocks.PANEL
                * Blocks.ROWS
                * Float.BYTES);
  }

  private long most(int maxRows, IntToLongFunction bytes) {
    return IntStream.rangeClosed(1, Math.min(maxRows, MOST_CUT))
        .filter(this::isCut)
        .mapToLong(bytes)
        .max()
        .orElse(0);
  }
}
