package dev.warpwright.cuda.sparse;

import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;

/**
 * How a product is spread over blocks of threads; see {@code slices.cuh} and {@code panel.cuh}.
 *
 * @param blocks blocks of rows of the weights
 * @param mostSlices slices of a panel at most
 * @param multiprocessors multiprocessors of the device
 */
record WorkCut(int blocks, int mostSlices, int multiprocessors) {
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

    static Batch of(int rows) {
      return rows <= TWO.rows ? TWO : rows <= EIGHT.rows ? EIGHT : SIXTEEN;
    }
  }

  /** Batches of so many rows of x. */
  static int batches(int rows) {
    return Math.ceilDiv(rows, Batch.of(rows).rows);
  }

  /** Whether a block of threads takes a slice or a share of a panel; otherwise all its columns. */
  boolean isCut(int rows) {
    int panels = Math.ceilDiv(blocks, Blocks.PANEL);
    boolean few =
        Batch.of(rows) == Batch.TWO
            ? panels * Blocks.PANEL < ENOUGH_WARPS * multiprocessors
            : panels < ENOUGH_BLOCKS * multiprocessors;
    return mostSlices > 1 && rows <= MOST_CUT && few;
  }

  /** Blocks of the weights in a block of threads. */
  static int together(int rows) {
    return rows <= MOST_CUT ? Blocks.PANEL : TILE_BLOCKS;
  }

  /** Batches of x in a block of threads. */
  static int batchesTogether(int rows) {
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
                * Batch.of(rows).rows
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
