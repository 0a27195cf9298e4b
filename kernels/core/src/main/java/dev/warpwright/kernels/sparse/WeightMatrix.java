package dev.warpwright.kernels.sparse;

/**
 * A weight matrix W of {@code rows × columns} in a canonical format: what is exchanged, stored and
 * tested.
 */
public sealed interface WeightMatrix permits DenseMatrix, QuantMatrix, GroupSparseMatrix {
  /** Output features. */
  int rows();

  /** Input features. */
  int columns();

  /** The format, without the values. */
  WeightFormat format();

  /** Bytes of values and metadata in canonical form. */
  long bytes();

  /**
   * Writes row {@code row} as F32, left-out groups as zeros: what the format means.
   *
   * @param row the row
   * @param into at least {@code columns} elements
   */
  void decodeRow(int row, float[] into);
}
