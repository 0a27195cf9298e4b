package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.PreparedMatrix;
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

  /** Most weights of a group; x is padded to whole groups of this size. */
  private static final int GROUP = 128;

  /** A copy of {@code matrix} that holds {@code bytes}. */
  protected VectorMatrix(HostDevice device, WeightMatrix matrix, long bytes) {
    super(device, matrix, bytes);
  }

  /** Brings a matrix into the fastest layout for its format. */
  public static VectorMatrix of(HostDevice device, WeightMatrix matrix) {
    return new F32Matrix(device, matrix);
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
    return (columns + GROUP - 1) / GROUP * GROUP + GROUP;
  }

  /**
   * Computes {@code y[yFrom + i·yStride + n] = Σ_k x[xFrom + i·xStride + k] · W[n, k]} for the rows
   * n of units {@code fromUnit … toUnit − 1} and {@code 0 ≤ i < m}. Allocates nothing.
   *
   * @param fromUnit first unit
   * @param toUnit unit behind the last one
   * @param m rows of x
   * @param x rows of {@link #paddedColumns paddedColumns(columns)} elements, zeros behind the last
   *     column
   * @param xFrom first element of the first row
   * @param xStride elements from one row to the next
   * @param y receives the outputs
   * @param yFrom element of row 0 of W in the first row
   * @param yStride elements from one row to the next
   * @param scratch at least {@link #SCRATCH} elements that no other thread uses; contents do not
   *     matter
   */
  public abstract void multiply(
      int fromUnit,
      int toUnit,
      int m,
      float[] x,
      int xFrom,
      int xStride,
      float[] y,
      int yFrom,
      int yStride,
      float[] scratch);
}
