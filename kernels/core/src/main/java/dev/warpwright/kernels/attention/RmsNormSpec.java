package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes of an {@link RmsNorm}.
 *
 * @param maxRows most rows of one run
 * @param columns elements of a row
 * @param epsilon added to the mean square
 */
public record RmsNormSpec(int maxRows, int columns, float epsilon) implements KernelSpec {
  /** Checks the values. */
  public RmsNormSpec {
    Checks.between("maxRows", maxRows, 1, Integer.MAX_VALUE);
    Checks.between("columns", columns, 1, Integer.MAX_VALUE);
    Checks.that(
        epsilon >= 0 && Float.isFinite(epsilon),
        "epsilon",
        epsilon,
        "a finite number of at least 0");
  }

  @Override
  public KernelId kernel() {
    return KernelId.RMS_NORM;
  }
}
