package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link PagedPrefill}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool that is read
 * @param maxRequests most requests of a batch
 * @param maxTokens most query tokens of a batch
 * @param maxLength most slots of a row
 * @param rope rotation of the queries
 * @param scale factor of the dot product; usually 1/√headDim
 * @param masking masks, cap, biases
 */
public record PagedPrefillSpec(
    Heads heads,
    KvPoolSpec pool,
    int maxRequests,
    int maxTokens,
    int maxLength,
    Rope rope,
    float scale,
    Masking masking)
    implements KernelSpec {
  /** Checks the values. */
  public PagedPrefillSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.notNull("rope", rope);
    Checks.notNull("masking", masking);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.between("maxLength", maxLength, 1, Integer.MAX_VALUE);
    Checks.finite("scale", scale);
    Checks.that(
        pool.headDim() == heads.headDim(),
        "pool.headDim",
        pool.headDim(),
        "the heads' " + heads.headDim());
    rope.require(heads.headDim());
  }

  /** Causal attention with scale 1/√headDim. */
  public static PagedPrefillSpec causal(
      Heads heads, KvPoolSpec pool, int maxRequests, int maxTokens, int maxLength, Rope rope) {
    return new PagedPrefillSpec(
        heads,
        pool,
        maxRequests,
        maxTokens,
        maxLength,
        rope,
        (float) (1 / Math.sqrt(heads.headDim())),
        Masking.CAUSAL);
  }

  @Override
  public KernelId kernel() {
    return KernelId.PAGED_PREFILL;
  }
}
