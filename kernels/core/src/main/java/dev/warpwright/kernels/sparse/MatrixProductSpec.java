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
 * @param activations how x enters the product
 */
public record MatrixProductSpec(
    int maxRows, int outputs, int inputs, WeightFormat format, Activations activations)
    implements KernelSpec {
  /** Checks the values. */
  public MatrixProductSpec {
    Checks.between("maxRows", maxRows, 1, Integer.MAX_VALUE);
    Checks.between("outputs", outputs, 1, Integer.MAX_VALUE);
    Checks.between("inputs", inputs, 1, Integer.MAX_VALUE - 256);
    Checks.notNull("format", format);
    Checks.notNull("activations", activations);
    Checks.that(
        activations == Activations.F32 || isSymmetricW4(format),
        "activations",
        activations,
        "F32 for " + format);
  }

  /** A product with activations as they are. */
  public MatrixProductSpec(int maxRows, int outputs, int inputs, WeightFormat format) {
    this(maxRows, outputs, inputs, format, Activations.F32);
  }

  private static boolean isSymmetricW4(WeightFormat format) {
    return format instanceof WeightFormat.Quant(Grouping grouping)
        && grouping.bits() == 4
        && grouping.symmetric();
  }

  /** A product with matrices like {@code matrix}. */
  public static MatrixProductSpec of(int maxRows, WeightMatrix matrix) {
    return new MatrixProductSpec(maxRows, matrix.rows(), matrix.columns(), matrix.format());
  }

  /** The same product with other activations. */
  public MatrixProductSpec withActivations(Activations other) {
    return new MatrixProductSpec(maxRows, outputs, inputs, format, other);
  }

  @Override
  public KernelId kernel() {
    return format.kernel();
  }
}
