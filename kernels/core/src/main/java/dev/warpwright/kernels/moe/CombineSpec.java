package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes of a {@link Combine}.
 *
 * @param maxTokens most tokens of one run
 * @param topK experts a token
 * @param columns features of a row
 * @param maxSlots most rows of h of one run; providers keep room for them
 */
public record CombineSpec(int maxTokens, int topK, int columns, int maxSlots)
    implements KernelSpec {
  /** Checks the values. */
  public CombineSpec {
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.between("topK", topK, 1, 1 << 20);
    Checks.between("columns", columns, 1, Integer.MAX_VALUE);
    Checks.between("maxSlots", maxSlots, 1, Integer.MAX_VALUE);
  }

  /** The same with a slot for each choice: no padding. */
  public CombineSpec(int maxTokens, int topK, int columns) {
    this(maxTokens, topK, columns, Math.clamp((long) maxTokens * topK, 0, Integer.MAX_VALUE));
  }

  /** These sizes with another number of rows of h. */
  public CombineSpec withMaxSlots(int value) {
    return new CombineSpec(maxTokens, topK, columns, value);
  }

  @Override
  public KernelId kernel() {
    return KernelId.COMBINE;
  }
}
