package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link ScorePages}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool that the pages are in
 * @param maxRequests most requests of a batch
 * @param rope rotation of the queries
 * @param scale factor of the dot product
 * @param estimate how a product is judged by bounds
 * @param mix of upper and lower bound, for {@link Estimate#MIX}: 1 for the upper one alone
 * @param reduction how what the query heads of a group give is reduced
 */
public record ScorePagesSpec(
    Heads heads,
    KvPoolSpec pool,
    int maxRequests,
    Rope rope,
    float scale,
    Estimate estimate,
    float mix,
    Reduction reduction)
    implements KernelSpec {
  /** How the products of a query with the keys of a page are judged. */
  public enum Estimate {
    /** The least upper bound: Σ max(q·min, q·max). */
    BOUND,
    /** The product with a key between the bounds: Σ q·(mix·max + (1 − mix)·min). */
    MIX
  }

  /** How the numbers of a group's query heads become one. */
  public enum Reduction {
    /** The largest. */
    MAX,
    /** Their sum. */
    SUM
  }

  /** Checks the values. */
  public ScorePagesSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.notNull("rope", rope);
    Checks.notNull("estimate", estimate);
    Checks.notNull("reduction", reduction);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.finite("scale", scale);
    Checks.finite("mix", mix);
    heads.require(pool);
    rope.require(heads.headDim());
  }

  /** Upper bounds of logits with scale 1/√headDim, the largest of a group. */
  public static ScorePagesSpec bound(Heads heads, KvPoolSpec pool, int maxRequests, Rope rope) {
    float scale = (float) (1 / Math.sqrt(heads.headDim()));
    return new ScorePagesSpec(
        heads, pool, maxRequests, rope, scale, Estimate.BOUND, 1, Reduction.MAX);
  }

  @Override
  public KernelId kernel() {
    return KernelId.SCORE_PAGES;
  }
}
