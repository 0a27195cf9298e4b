package dev.warpwright.kernels.reduce;

import dev.warpwright.kernels.InvalidArgumentException;

/** The last factor of a reduction, the same for batch and streaming. */
final class MeanFactor {
  private MeanFactor() {}

  /**
   * 1 for a sum; {@code (float) (1 / sum)} for a mean.
   *
   * @throws InvalidArgumentException if rows are there but their weights do not have a mean
   */
  static float of(TreeReduceSpec.Operation operation, double sum, boolean any) {
    if (operation == TreeReduceSpec.Operation.WEIGHTED_SUM || !any) {
      return 1;
    }
    float factor = (float) (1 / sum);
    if (!Float.isFinite(factor) || factor == 0) {
      throw new InvalidArgumentException(
          "weights", "a sum of " + sum, "a sum whose reciprocal is a finite F32 number");
    }
    return factor;
  }
}
