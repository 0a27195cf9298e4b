package dev.warpwright.cuda.sparse;

/** Blocks of rows of a weight matrix; see {@code slices.cuh}. */
final class Blocks {
  /** Rows of a block. */
  static final int ROWS = 32;

  private Blocks() {}

  /** Blocks of a matrix. */
  static int count(int rows) {
    return Math.ceilDiv(rows, ROWS);
  }
}
