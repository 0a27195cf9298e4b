package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;

/**
 * Keeps the first tokens, which many models give the attention to that nothing else needs, and the
 * last ones. Keys keep their rotation: positions are those of the text, not of the cache.
 *
 * <p>Source: Xiao et al. 2023 (arXiv 2309.17453).
 *
 * @param budget slots a row
 * @param sinks tokens at the beginning
 */
public record StreamingLlm(int budget, int sinks) implements EvictionPolicy {
  /** Checks the values. */
  public StreamingLlm {
    Checks.between("budget", budget, 1, Integer.MAX_VALUE);
    Checks.between("sinks", sinks, 0, budget);
  }

  /** Four tokens at the beginning, as far as the budget allows. */
  public static StreamingLlm budget(int budget) {
    return new StreamingLlm(budget, Math.min(4, budget));
  }

  @Override
  public Observation observation() {
    return Observation.NOTHING;
  }

  @Override
  public int protectedPrefix() {
    return sinks;
  }

  @Override
  public int recents() {
    return budget - sinks;
  }

  @Override
  public void score(RowStatistics row, float[] scores) {}
}
