package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes of a {@link MatrixProduct}.
 *
 * @param maxRows most rows of x in one run
 * @param outputs rows of the weight matrix
 * @param inputs columns of the weight matrix
 * @param format format of the weight matrix; decides which kernel it is
 */
public record MatrixProductSpec(int maxRows, int outputs, int inputs, WeightFormat format)
    implements KernelSpec {
  /** Checks the values. */
  public MatrixProductSpec {
    Checks.between("maxRows", maxRows, 1, Integer.MAX_VALUE);
    Checks.between("outputs", outputs, 1, Integer.MAX_VALUE);
    Checks.between("inputs", inputs, 1, Integer.MAX_VALUE - 256);
    Checks.notNull("format", format);
  }

  /** A product with matrices like {@code matrix}. */
  public static MatrixProductSpec of(int maxRows, WeightMatrix matrix) {
    return new MatrixProductSpec(maxRows, matrix.rows(), matrix.columns(), matrix.format());
  }

  @Override
  public KernelId kernel() {
    return format.kernel();
  }
}
