package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of an {@link AppendKv}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool that is written
 * @param maxRequests most requests of a batch
 * @param maxTokens most new tokens of a batch
 * @param rope rotation of the keys
 */
public record AppendKvSpec(Heads heads, KvPoolSpec pool, int maxRequests, int maxTokens, Rope rope)
    implements KernelSpec {
  /** Checks the values. */
  public AppendKvSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.notNull("rope", rope);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.that(
        pool.headDim() == heads.headDim(),
        "pool.headDim",
        pool.headDim(),
        "the heads' " + heads.headDim());
    rope.require(heads.headDim());
  }

  @Override
  public KernelId kernel() {
    return KernelId.APPEND_KV;
  }
}
