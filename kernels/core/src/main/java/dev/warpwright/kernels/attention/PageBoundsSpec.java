package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link PageBounds}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool whose keys are read
 * @param maxRequests most requests of a batch
 * @param scope which pages of a row
 */
public record PageBoundsSpec(Heads heads, KvPoolSpec pool, int maxRequests, Scope scope)
    implements KernelSpec {
  /** Which pages of a row are looked at. */
  public enum Scope {
    /** Those that hold new tokens, as after an append. */
    NEW_TOKENS,
    /** All that hold tokens, as after slots were moved. */
    ALL_TOKENS
  }

  /** Checks the values. */
  public PageBoundsSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.notNull("scope", scope);
    heads.require(pool);
  }

  @Override
  public KernelId kernel() {
    return KernelId.PAGE_BOUNDS;
  }
}
