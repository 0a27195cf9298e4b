package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;

/**
 * What a cache notes of the scores of its keys, for an {@link EvictionPolicy} to judge by. A score
 * is the probability that a query gives to a key, summed over the query heads of a kv head.
 *
 * <p>In a step of one token its query observes. In a longer one the last {@code window} tokens do;
 * if these are not all there may be, what was noted before is forgotten, so that after a prompt in
 * several steps the window is that of the last one.
 *
 * @param kind what is noted
 * @param window observing tokens of a long step
 * @param counts whether it is kept how many tokens were merged into a slot, for policies that merge
 */
public record Observation(Kind kind, int window, boolean counts) {
  /** Nothing is noted; attention costs what it costs. */
  public static final Observation NOTHING = new Observation(Kind.NOTHING, 1);

  /** What is noted of each key. */
  public enum Kind {
    /** Nothing. */
    NOTHING,
    /** The sum of its scores. */
    SUM,
    /** The score from the last query. */
    LAST,
    /** Mean and variance of its scores, and Σ −p ln p over the window. */
    MOMENTS
  }

  /** Checks the values. */
  public Observation {
    Checks.notNull("kind", kind);
    Checks.between("window", window, 1, Integer.MAX_VALUE);
    Checks.that(
        !counts || kind != Kind.NOTHING, "counts", "true", "false where no scores are noted");
  }

  /** Without counts. */
  public Observation(Kind kind, int window) {
    this(kind, window, false);
  }

  /** The same with counts of merged tokens. */
  public Observation counting() {
    return new Observation(kind, window, true);
  }

  /** The sum over all queries. */
  public static Observation sum() {
    return new Observation(Kind.SUM, Integer.MAX_VALUE);
  }

  /** The sum over the queries of a window and of the steps that follow. */
  public static Observation sum(int window) {
    return new Observation(Kind.SUM, window);
  }

  /** The score from the last query. */
  public static Observation last() {
    return new Observation(Kind.LAST, 1);
  }

  /** Mean, variance and entropy over a window, then over the steps that follow. */
  public static Observation moments(int window) {
    return new Observation(Kind.MOMENTS, window);
  }

  /** Whether a long step forgets what was noted before. */
  boolean restarts() {
    return window != Integer.MAX_VALUE;
  }
}
