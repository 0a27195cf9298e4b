package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and options of a {@link Dispatch}.
 *
 * @param maxTokens most tokens of one run
 * @param topK experts a token
 * @param experts number of experts
 * @param tile each expert's segment is padded to a multiple of this many slots; 1 for none
 * @param capacity most tokens an expert takes, in token order, the rest is dropped; 0 for no limit
 */
public record DispatchSpec(int maxTokens, int topK, int experts, int tile, int capacity)
    implements KernelSpec {
  /** Checks the values. */
  public DispatchSpec {
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.between("topK", topK, 1, 1 << 20);
    Checks.between("experts", experts, 1, 1 << 20);
    Checks.between("tile", tile, 1, 1 << 10);
    Checks.between("capacity", capacity, 0, Integer.MAX_VALUE);
    Checks.between(
        "maxTokens·topK",
        (long) maxTokens * topK + (long) experts * (tile - 1),
        1,
        Integer.MAX_VALUE);
  }

  /** No padding, nothing dropped. */
  public static DispatchSpec of(int maxTokens, int topK, int experts) {
    return new DispatchSpec(maxTokens, topK, experts, 1, 0);
  }

  /** Slots needed for {@code tokens} tokens, padding included. */
  public int slots(int tokens) {
    return tokens * topK + experts * (tile - 1);
  }

  @Override
  public KernelId kernel() {
    return KernelId.DISPATCH;
  }
}
