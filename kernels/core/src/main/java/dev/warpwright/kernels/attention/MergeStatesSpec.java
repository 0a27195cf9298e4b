package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes of a {@link MergeStates}.
 *
 * @param states states that become one
 * @param maxTokens most query tokens of one run
 * @param queryHeads query heads
 * @param headDim elements of a head
 */
public record MergeStatesSpec(int states, int maxTokens, int queryHeads, int headDim)
    implements KernelSpec {
  /** Checks the values. */
  public MergeStatesSpec {
    Checks.between("states", states, 1, 1 << 16);
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.between("queryHeads", queryHeads, 1, 1 << 16);
    Checks.that(
        (long) maxTokens * queryHeads <= Integer.MAX_VALUE,
        "maxTokens",
        maxTokens,
        "at most " + Integer.MAX_VALUE + " heads of tokens");
    Checks.between("headDim", headDim, 8, KvPoolSpec.MAX_HEAD_DIM);
    Checks.multipleOf("headDim", headDim, 8);
  }

  @Override
  public KernelId kernel() {
    return KernelId.MERGE_STATES;
  }
}
