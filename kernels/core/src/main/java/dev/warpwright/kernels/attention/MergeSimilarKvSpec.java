package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link MergeSimilarKv}.
 *
 * @param heads layers, heads and head dimension
 * @param pool the pool whose slots are merged
 * @param maxRequests most requests of a batch
 * @param threshold least cosine of two neighbouring keys that are merged
 * @param protectedPrefix slots of tokens at positions below are not merged
 * @param recents slots of so many of the request's last positions are not merged
 */
public record MergeSimilarKvSpec(
    Heads heads,
    KvPoolSpec pool,
    int maxRequests,
    double threshold,
    int protectedPrefix,
    int recents)
    implements KernelSpec {
  /** Checks the values. */
  public MergeSimilarKvSpec {
    Checks.notNull("heads", heads);
    Checks.notNull("pool", pool);
    Checks.between("maxRequests", maxRequests, 1, 1 << 24);
    Checks.that(
        threshold >= -1 && threshold <= 1, "threshold", threshold, "a cosine, from −1 to 1");
    Checks.between("protectedPrefix", protectedPrefix, 0, Integer.MAX_VALUE);
    Checks.between("recents", recents, 0, Integer.MAX_VALUE);
    heads.require(pool);
  }

  /**
   * Whether a token is left alone.
   *
   * @param position its logical position
   * @param next the position behind the request's last token
   */
  public boolean isProtected(int position, int next) {
    return position < protectedPrefix || position >= (long) next - recents;
  }

  @Override
  public KernelId kernel() {
    return KernelId.MERGE_SIMILAR_KV;
  }
}
