package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link PagedDecode}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool that is read
 * @param maxRequests most requests of a batch
 * @param maxLength most slots of a row
 * @param rope rotation of the queries
 * @param scale factor of the dot product; usually 1/√headDim
 * @param masking masks, cap, biases
 * @param scores whether runs give the score of each key, and how a group's scores are reduced
 */
public record PagedDecodeSpec(
    Heads heads,
    KvPoolSpec pool,
    int maxRequests,
    int maxLength,
    Rope rope,
    float scale,
    Masking masking,
    ScoreReduction scores)
    implements KernelSpec {
  /** Checks the values. */
  public PagedDecodeSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.notNull("rope", rope);
    Checks.notNull("masking", masking);
    Checks.notNull("scores", scores);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.between("maxLength", maxLength, 1, Integer.MAX_VALUE);
    Checks.finite("scale", scale);
    Checks.that(
        pool.headDim() == heads.headDim(),
        "pool.headDim",
        pool.headDim(),
        "the heads' " + heads.headDim());
    rope.require(heads.headDim());
  }

  /** Without scores. */
  public PagedDecodeSpec(
      Heads heads,
      KvPoolSpec pool,
      int maxRequests,
      int maxLength,
      Rope rope,
      float scale,
      Masking masking) {
    this(heads, pool, maxRequests, maxLength, rope, scale, masking, ScoreReduction.NONE);
  }

  /** The same with scores. */
  public PagedDecodeSpec withScores(ScoreReduction value) {
    return new PagedDecodeSpec(heads, pool, maxRequests, maxLength, rope, scale, masking, value);
  }

  /** Causal attention with scale 1/√headDim. */
  public static PagedDecodeSpec causal(
      Heads heads, KvPoolSpec pool, int maxRequests, int maxLength, Rope rope) {
    return new PagedDecodeSpec(
        heads,
        pool,
        maxRequests,
        maxLength,
        rope,
        (float) (1 / Math.sqrt(heads.headDim())),
        Masking.CAUSAL);
  }

  @Override
  public KernelId kernel() {
    return KernelId.PAGED_DECODE;
  }
}
