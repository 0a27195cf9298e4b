package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import java.util.OptionalDouble;

/**
 * Merges neighbouring tokens with similar keys before it evicts any, each kv head on its own: a
 * merged slot counts for all of its tokens. What is then still over the budget goes by the sum of
 * its scores, as in {@link H2o}; of merged tokens the one with the largest sum gives slot, position
 * and score.
 *
 * <p>Source: Wang et al. 2024 (arXiv 2407.08454), which protects heavy hitters from being merged;
 * here they are what others are merged into. What is merged cannot be taken apart again.
 *
 * @param budget slots a row
 * @param recents of which are the last tokens; they are neither merged nor evicted
 * @param threshold least cosine of two neighbouring keys that are merged
 */
public record KvMerger(int budget, int recents, double threshold) implements EvictionPolicy {
  /** Checks the values. */
  public KvMerger {
    Checks.between("budget", budget, 1, Integer.MAX_VALUE);
    Checks.between("recents", recents, 0, budget);
    Checks.that(
        threshold >= -1 && threshold <= 1, "threshold", threshold, "a cosine, from −1 to 1");
  }

  /** Half of the budget for the last tokens, and keys of a cosine of at least 0.8 are merged. */
  public static KvMerger budget(int budget) {
    return new KvMerger(budget, budget / 2, 0.8);
  }

  @Override
  public Observation observation() {
    return Observation.sum().counting();
  }

  @Override
  public OptionalDouble mergesFrom() {
    return OptionalDouble.of(threshold);
  }

  @Override
  public void score(RowStatistics row, float[] scores) {
    for (int slot = 0; slot < scores.length; slot++) {
      scores[slot] = row.score(slot);
    }
  }
}
