package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link RerotateKeys}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool whose keys are turned
 * @param maxRequests most requests of a batch
 * @param rope rotation of the keys when they were stored
 */
public record RerotateKeysSpec(Heads heads, KvPoolSpec pool, int maxRequests, Rope rope)
    implements KernelSpec {
  /** Checks the values. */
  public RerotateKeysSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.notNull("rope", rope);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    heads.require(pool);
    rope.require(heads.headDim());
  }

  @Override
  public KernelId kernel() {
    return KernelId.REROTATE_KEYS;
  }
}
