package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;

/**
 * A weight matrix in a layout for the Vector API, with the product kernel that belongs to it.
 *
 * <p>Output rows are cut into units of about equally many stored weights. Units may be computed in
 * any order and by any thread: the additions of an output and their order depend on its row of W
 * only.
 */
public abstract class VectorMatrix extends PreparedMatrix {
  /** Elements of scratch memory that {@link #multiply} needs. */
  public static final int SCRATCH = 16 * 1024;

  /** Most weights of a group: x is padded to whole groups of this size, and by one more group. */
  static final int PADDING = 128;

  /** A copy of {@code matrix} that holds {@code bytes}. */
  protected VectorMatrix(HostDevice device, WeightMatrix matrix, long bytes) {
    super(device, matrix, bytes);
  }

  /**
   * Brings a matrix into the fastest layout for its values. Formats without a layout of their own,
   * and values that a layout's arithmetic does not cover, are decoded to F32.
   */
  public static VectorMatrix of(HostDevice device, WeightMatrix matrix) {
    return switch (matrix) {
      case DenseMatrix dense -> of(device, dense);
      case QuantMatrix quant -> of(device, quant);
      case GroupSparseMatrix sparse -> of(device, sparse);
    };
  }

  private static VectorMatrix of(HostDevice device, DenseMatrix matrix) {
    return switch (matrix.weights().dtype()) {
      case F16 ->
          isFinite(matrix.weights())
              ? new F16Matrix(device, matrix)
              : new F32Matrix(device, matrix);
      case BF16 -> new Bf16Matrix(device, matrix);
      default -> new F32Matrix(device, matrix);
    };
  }

  private static VectorMatrix of(HostDevice device, QuantMatrix matrix) {
    if (NativeRows.areFor(device, matrix.format())) {
      return new NativeW4Matrix(device, matrix);
    }
    return isW4(matrix.grouping()) ? new W4Matrix(device, matrix) : new F32Matrix(device, matrix);
  }

  private static VectorMatrix of(HostDevice device, GroupSparseMatrix matrix) {
    if (NativeRows.areFor(device, matrix.format())) {
      return new NativeGroupMatrix(device, matrix);
    }
    int size = Math.min(matrix.grouping().size(), 2 * Lanes.COUNT);
    boolean indexFits = paddedColumns(matrix.columns()) / size <= GroupSparseMatrix.MAX_GROUPS;
    if (!isW4(matrix.grouping()) || size < Lanes.COUNT || !indexFits) {
      return new F32Matrix(device, matrix);
    }
    return size == Lanes.COUNT
        ? new SingleGroupMatrix(device, matrix)
        : new PairGroupMatrix(device, matrix);
  }

  private static boolean isW4(Grouping grouping) {
    return grouping.bits() == 4 && grouping.symmetric();
  }

  private static boolean isFinite(Tensor f16) {
    for (long i = 0; i < f16.elements(); i++) {
      if (!Float.isFinite(f16.getFloat(i))) {
        return false;
      }
    }
    return true;
  }

  /** Number of units of output rows. */
  public abstract int units();

  /** The first row of a unit; that of unit {@link #units} is the number of rows. */
  public abstract int firstRow(int unit);

  /**
   * Elements that each row of x must have, those behind the last column zero: whole groups, and one
   * more group that stands for "no group".
   */
  public static int paddedColumns(int columns) {
    return (columns + PADDING - 1) / PADDING * PADDING + PADDING;
  }

  /**
   * Computes {@code y[i, n] = Σ_k x[i, k] · W[n, k]} for the rows n of units {@code fromUnit …
   * toUnit − 1} and {@code 0 ≤ i < m}. Allocates nothing.
   *
   * @param fromUnit first unit
   * @param toUnit unit behind the last one
   * @param m rows of x
   * @param x rows for matrices of this format and device
   * @param y receives the outputs
   * @param scratch at least {@link #SCRATCH} elements that no other thread uses; contents do not
   *     matter
   */
  public abstract void multiply(
      int fromUnit, int toUnit, int m, InputRows x, FloatRows y, float[] scratch);
}
