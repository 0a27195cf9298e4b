package dev.warpwright.cuda.sparse;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.sparse.DenseMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The layout of {@code dense.cuh}: rows padded with zeros. */
final class DenseForm extends MatrixForm {
  /** Columns of a chunk. */
  static final int CHUNK = 32;

  /** Bytes of a row in a slice. */
  private static final int SLICE_ROW = 512;

  private final DenseMatrix matrix;

  DenseForm(DenseMatrix matrix) {
    this.matrix = matrix;
  }

  /** Slices of a panel. */
  static int slices(DType dtype, int columns) {
    return Math.toIntExact(Math.ceilDiv((long) columns * dtype.bytes(), SLICE_ROW));
  }

  /** Elements from a row to the next. */
  static long rowElements(int columns) {
    return Math.ceilDiv((long) columns, CHUNK) * CHUNK;
  }

  private DType dtype() {
    return matrix.weights().dtype();
  }

  private int panelSlices() {
    return slices(dtype(), matrix.columns());
  }

  @Override
  public int slices() {
    return Blocks.panels(matrix.rows()) * panelSlices();
  }

  @Override
  public int shares() {
    return Blocks.panels(matrix.rows()) * ChunkSizes.shares(panelSlices());
  }

  @Override
  long[] partBytes() {
    return new long[] {matrix.rows() * rowElements(matrix.columns()) * dtype().bytes()};
  }

  @Override
  MemorySegment[] parts(Arena arena) {
    MemorySegment weights = matrix.weights().segment();
    long row = (long) matrix.columns() * dtype().bytes();
    long padded = rowElements(matrix.columns()) * dtype().bytes();
    if (row == padded) {
      return new MemorySegment[] {weights};
    }
    MemorySegment into = arena.allocate(matrix.rows() * padded);
    for (int n = 0; n < matrix.rows(); n++) {
      MemorySegment.copy(weights, n * row, into, n * padded, row);
    }
    return new MemorySegment[] {into};
  }

  @Override
  public int recordBytes() {
    return Long.BYTES;
  }

  @Override
  void writeRecord(long[] addresses, MemorySegment to, long at) {
    to.set(ValueLayout.JAVA_LONG, at, addresses[0]);
  }
}
