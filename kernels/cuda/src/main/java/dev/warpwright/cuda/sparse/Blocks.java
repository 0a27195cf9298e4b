package dev.warpwright.cuda.sparse;

/** Blocks of rows of a weight matrix, and panels of blocks; see {@code slices.cuh}. */
final class Blocks {
  /** Rows of a block. */
  static final int ROWS = 32;

  /** Blocks of a panel. */
  static final int PANEL = 4;

  private Blocks() {}

  /** Blocks of a matrix. */
  static int count(int rows) {
    return Math.ceilDiv(rows, ROWS);
  }

  /** Panels of a matrix. */
  static int panels(int rows) {
    return Math.ceilDiv(count(rows), PANEL);
  }
}
