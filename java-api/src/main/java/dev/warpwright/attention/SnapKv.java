package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;

/**
 * Keeps the last tokens and those that they look at: scores are summed over a window of queries at
 * the end of the prompt and smoothed along the sequence, so that neighbours stay together. Later
 * evictions, which the paper has none of, look at the queries since the one before.
 *
 * <p>Source: Li et al. 2024 (arXiv 2404.14469).
 *
 * @param budget slots a row
 * @param window queries at the end that observe; they are kept
 * @param kernel slots that are averaged; odd
 */
public record SnapKv(int budget, int window, int kernel) implements EvictionPolicy {
  /** Checks the values. */
  public SnapKv {
    Checks.between("budget", budget, 1, Integer.MAX_VALUE);
    Checks.between("window", window, 1, budget);
    Checks.between("kernel", kernel, 1, 1 << 16);
    Checks.that(kernel % 2 == 1, "kernel", kernel, "an odd number");
  }

  /** A window of 32, at most half the budget, and averages of 5. */
  public static SnapKv budget(int budget) {
    return new SnapKv(budget, Math.clamp(budget / 2, 1, 32), 5);
  }

  @Override
  public Observation observation() {
    return Observation.sum(window);
  }

  @Override
  public int recents() {
    return window;
  }

  @Override
  public boolean forgets() {
    return true;
  }

  @Override
  public void score(RowStatistics row, float[] scores) {
    for (int slot = 0; slot < scores.length; slot++) {
      scores[slot] = row.score(slot);
    }
    Pooling.average(scores, Math.max(0, scores.length - window), kernel);
  }
}
