package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link WindowScores}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool that is read
 * @param maxRequests most requests of a batch
 * @param maxTokens most query tokens of a batch
 * @param maxLength most slots of a row
 * @param window how many of a request's query tokens observe: the last ones
 * @param rope rotation of the queries
 * @param scale factor of the dot product
 * @param masking masks, cap, biases
 * @param reduction how what the query heads of a group give is reduced; not NONE
 */
public record WindowScoresSpec(
    Heads heads,
    KvPoolSpec pool,
    int maxRequests,
    int maxTokens,
    int maxLength,
    int window,
    Rope rope,
    float scale,
    Masking masking,
    ScoreReduction reduction)
    implements KernelSpec {
  /** Checks the values. */
  public WindowScoresSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.notNull("rope", rope);
    Checks.notNull("masking", masking);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.between("maxLength", maxLength, 1, Integer.MAX_VALUE);
    Checks.between("window", window, 1, Integer.MAX_VALUE);
    Checks.finite("scale", scale);
    Checks.that(
        reduction == ScoreReduction.SUM || reduction == ScoreReduction.MEAN,
        "reduction",
        reduction,
        "SUM or MEAN");
    heads.require(pool);
    rope.require(heads.headDim());
  }

  @Override
  public KernelId kernel() {
    return KernelId.WINDOW_SCORES;
  }
}
