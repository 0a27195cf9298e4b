package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;

/**
 * Looks once: after the prompt keeps the last tokens and those that the queries at its end look at
 * most, and evicts nothing later. The rest of MPCache, to look into few of the pages that are left,
 * is {@link PageSelection#mpCache}.
 *
 * <p>Source: Zeng et al. 2025 (arXiv 2501.06807), where a fifth of the prompt observes and two
 * fifths of it are kept.
 *
 * @param budget slots that a row keeps of the prompt
 * @param window queries at the end of the prompt that observe; they are kept
 */
public record MpCache(int budget, int window) implements EvictionPolicy {
  /** Checks the values. */
  public MpCache {
    Checks.between("budget", budget, 1, Integer.MAX_VALUE);
    Checks.between("window", window, 1, budget);
  }

  /** For prompts of {@code tokens}: a fifth of them observe, two fifths are kept. */
  public static MpCache ofPrompt(int tokens) {
    Checks.between("tokens", tokens, 1, Integer.MAX_VALUE);
    int window = Math.max(1, tokens / 5);
    return new MpCache(Math.max(window, (int) (2L * tokens / 5)), window);
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
  public boolean once() {
    return true;
  }

  @Override
  public void score(RowStatistics row, float[] scores) {
    for (int slot = 0; slot < scores.length; slot++) {
      scores[slot] = row.score(slot);
    }
  }
}
