package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Where {@link WindowScores} writes: F32 {@code [slots of the layer]} each, null for what is not
 * needed. Made once, not once a run.
 *
 * @param sum Σ p over the observing rows
 * @param mean Σ p divided by their number
 * @param variance unbiased variance of p over the rows, 0 for fewer than two
 * @param entropy −Σ p · ln p
 */
public record WindowStatistics(
    @Nullable Tensor sum,
    @Nullable Tensor mean,
    @Nullable Tensor variance,
    @Nullable Tensor entropy) {
  /** Only the sum. */
  public static WindowStatistics sum(Tensor sum) {
    return new WindowStatistics(sum, null, null, null);
  }
}
