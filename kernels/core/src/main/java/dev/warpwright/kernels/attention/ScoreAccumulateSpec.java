package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link ScoreAccumulate}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool that the slots are in
 * @param maxRequests most requests of a batch
 * @param statistic what is kept of the scores
 * @param restart whether what the array held before is forgotten
 * @param window most query tokens of a request that a score comes from: the number of observations
 *     is {@code min(window, newTokens)}
 */
public record ScoreAccumulateSpec(
    Heads heads, KvPoolSpec pool, int maxRequests, Statistic statistic, boolean restart, int window)
    implements KernelSpec {
  /** What is kept of a slot's scores. */
  public enum Statistic {
    /** Their sum: one number. */
    SUM(1),
    /** Count, mean and sum of squared deviations from the mean: three numbers. */
    MOMENTS(3);

    private final int width;

    Statistic(int width) {
      this.width = width;
    }

    /** Numbers a slot. */
    public int width() {
      return width;
    }
  }

  /** Checks the values. */
  public ScoreAccumulateSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.notNull("statistic", statistic);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.between("window", window, 1, Integer.MAX_VALUE);
    heads.require(pool);
  }

  @Override
  public KernelId kernel() {
    return KernelId.SCORE_ACCUMULATE;
  }
}
