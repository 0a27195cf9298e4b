package dev.warpwright.attention;

import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * Decides which slots a cache keeps. A policy says how many slots each row keeps on average and
 * scores them; protected tokens come first, then the highest scores, then lower slots. Policies
 * have no state and may be shared.
 */
public interface EvictionPolicy {
  /** Slots that a row keeps, on average over the layers. */
  int budget();

  /** What the cache must note for this policy. */
  Observation observation();

  /** Tokens at the beginning of the sequence that are never evicted. */
  default int protectedPrefix() {
    return 0;
  }

  /** Tokens at the end of the sequence that are never evicted. */
  default int recents() {
    return 0;
  }

  /** Whether what was noted of the kept slots is forgotten after an eviction. */
  default boolean forgets() {
    return false;
  }

  /** Whether a sequence is left alone after its first eviction. */
  default boolean once() {
    return false;
  }

  /**
   * Least cosine of two neighbouring keys that are merged before slots are chosen; empty where
   * nothing is merged. The {@link #observation} must be {@linkplain Observation#counting counting}
   * then.
   */
  default OptionalDouble mergesFrom() {
    return OptionalDouble.empty();
  }

  /**
   * Slots that the rows of each layer keep. Asked when a sequence has more than {@link #budget}; it
   * holds for the sequence once something was evicted by it.
   *
   * @param rows what was noted, {@code [layer][kvHead]}
   */
  default int[] budgets(RowStatistics[][] rows) {
    int[] budgets = new int[rows.length];
    Arrays.fill(budgets, budget());
    return budgets;
  }

  /**
   * Scores the slots of a row.
   *
   * @param row what was noted of them
   * @param scores result, zeros before; as long as the row
   */
  void score(RowStatistics row, float[] scores);
}
