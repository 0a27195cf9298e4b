package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes of a {@link CompactKv}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool whose slots are moved
 * @param maxRequests most requests of a batch
 */
public record CompactKvSpec(Heads heads, KvPoolSpec pool, int maxRequests) implements KernelSpec {
  /** Checks the values. */
  public CompactKvSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    heads.require(pool);
  }

  @Override
  public KernelId kernel() {
    return KernelId.COMPACT_KV;
  }
}
