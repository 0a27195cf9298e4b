package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link SelectTokens}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool that the slots are in
 * @param maxRequests most requests of a batch
 * @param maxLength most slots of a row
 * @param protectedPrefix slots of tokens at positions below are kept before others
 * @param recents slots of so many of the request's last positions are kept before others
 */
public record SelectTokensSpec(
    Heads heads, KvPoolSpec pool, int maxRequests, int maxLength, int protectedPrefix, int recents)
    implements KernelSpec {
  /** Checks the values. */
  public SelectTokensSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.between("maxLength", maxLength, 1, Integer.MAX_VALUE);
    Checks.between("protectedPrefix", protectedPrefix, 0, Integer.MAX_VALUE);
    Checks.between("recents", recents, 0, Integer.MAX_VALUE);
    heads.require(pool);
  }

  /**
   * Whether a token is protected.
   *
   * @param position its logical position
   * @param next the position behind the request's last token
   */
  public boolean isProtected(int position, int next) {
    return position < protectedPrefix || position >= (long) next - recents;
  }

  @Override
  public KernelId kernel() {
    return KernelId.SELECT_TOKENS;
  }
}
