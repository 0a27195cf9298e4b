package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes of a {@link PageTransfer}.
 *
 * @param pool the pool that is read or written
 * @param maxPages most pages of one run
 * @param direction out of the pool or into it
 */
public record PageTransferSpec(KvPoolSpec pool, int maxPages, Direction direction)
    implements KernelSpec {
  /** Which way pages go. */
  public enum Direction {
    /** Out of the pool. */
    GATHER,
    /** Into the pool. */
    SCATTER
  }

  /** Checks the values. */
  public PageTransferSpec {
    Checks.notNull("pool", pool);
    Checks.between("maxPages", maxPages, 1, Integer.MAX_VALUE);
    Checks.notNull("direction", direction);
  }

  /** Out of a pool. */
  public static PageTransferSpec gather(KvPoolSpec pool, int maxPages) {
    return new PageTransferSpec(pool, maxPages, Direction.GATHER);
  }

  /** Into a pool. */
  public static PageTransferSpec scatter(KvPoolSpec pool, int maxPages) {
    return new PageTransferSpec(pool, maxPages, Direction.SCATTER);
  }

  @Override
  public KernelId kernel() {
    return direction == Direction.GATHER ? KernelId.GATHER_PAGES : KernelId.SCATTER_PAGES;
  }
}
