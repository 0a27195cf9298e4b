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
 */
public record CombineSpec(int maxTokens, int topK, int columns) implements KernelSpec {
  /** Checks the values. */
  public CombineSpec {
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.between("topK", topK, 1, 1 << 20);
    Checks.between("columns", columns, 1, Integer.MAX_VALUE);
  }

  @Override
  public KernelId kernel() {
    return KernelId.COMBINE;
  }
}
