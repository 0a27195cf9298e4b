package dev.warpwright.cuda.sparse;

import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;

/**
 * How many warps share a product; see {@code slices.cuh}.
 *
 * @param blocks blocks of rows of the weights
 * @param mostSlices slices of a block at most
 * @param enough warps that keep the device busy
 */
record WorkCut(int blocks, int mostSlices, int enough) {
  /** With more rows of x, the sums of slices would be a good part of the traffic. */
  private static final int MOST_CUT = 32;

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

  /** Whether each slice has a warp of its own; otherwise each block has. */
  boolean isCut(int rows) {
    return mostSlices > 1 && rows <= MOST_CUT && (long) blocks * batches(rows) < enough;
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
                * blocks
                * mostSlices
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
