package dev.warpwright.attention;

/**
 * What a cache noted of the slots of one sequence, layer and kv head, in the order of the slots.
 */
public interface RowStatistics {
  /** Number of slots. */
  int length();

  /** Sum of the scores of a slot, the last score, or their mean, as the observation says. */
  float score(int slot);

  /** Unbiased variance of the scores of a slot; 0 unless moments are noted. */
  float variance(int slot);

  /** Σ −p ln p of a slot over the window; 0 unless moments are noted. */
  float entropy(int slot);
}
