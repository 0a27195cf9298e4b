package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;

/**
 * Keeps what the last query looks at most, and the last token.
 *
 * <p>Source: Oren et al. 2024 (arXiv 2401.06104).
 *
 * @param budget slots a row
 */
public record Tova(int budget) implements EvictionPolicy {
  /** Checks the value. */
  public Tova {
    Checks.between("budget", budget, 1, Integer.MAX_VALUE);
  }

  @Override
  public Observation observation() {
    return Observation.last();
  }

  @Override
  public int recents() {
    return 1;
  }

  @Override
  public void score(RowStatistics row, float[] scores) {
    for (int slot = 0; slot < scores.length; slot++) {
      scores[slot] = row.score(slot);
    }
  }
}
