package dev.warpwright.kernels.attention;

/** What becomes of the scores that the query heads of a group give to a key. */
public enum ScoreReduction {
  /** No scores are computed. */
  NONE,
  /** Their sum. */
  SUM,
  /** Their sum, divided by the number of heads. */
  MEAN;

  /** What the sum over a group is multiplied with. */
  public float factor(int group) {
    return this == MEAN ? 1f / group : 1;
  }
}
