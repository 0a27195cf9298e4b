package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;

/**
 * Keeps the last tokens and those that got most attention from all queries so far, for each kv head
 * on its own. Sums are not divided by the number of queries, as in the paper, so that early tokens
 * have an advantage.
 *
 * <p>Source: Zhang et al. 2023 (arXiv 2306.14048).
 *
 * @param budget slots a row
 * @param recents of which are the last tokens
 */
public record H2o(int budget, int recents) implements EvictionPolicy {
  /** Checks the values. */
  public H2o {
    Checks.between("budget", budget, 1, Integer.MAX_VALUE);
    Checks.between("recents", recents, 0, budget);
  }

  /** Half of the budget for the last tokens. */
  public static H2o budget(int budget) {
    return new H2o(budget, budget / 2);
  }

  @Override
  public Observation observation() {
    return Observation.sum();
  }

  @Override
  public void score(RowStatistics row, float[] scores) {
    for (int slot = 0; slot < scores.length; slot++) {
      scores[slot] = row.score(slot);
    }
  }
}
