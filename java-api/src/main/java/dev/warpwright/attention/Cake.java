package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Spreads the cache over the layers by how wide and how unsteady their attention is, and keeps in
 * each row the tokens that the last queries look at most, or most differently:
 *
 * <pre>
 *   H_l = Σ −p ln p      V_l = Σ_h,j Var_i p_hij      over queries i of the window, slots j before it
 *   P_l = H_l^(1/tau1) · V_l^(1/tau2)
 *   budget_l = window + (budget − window) · layers · P_l / Σ P
 *   score_j = smoothed mean_i p_ij + gamma · Var_i p_ij
 * </pre>
 *
 * <p>A layer is given no more than it has; what is over goes to the others in the same proportion.
 * Adding layers only takes from those before, so layers may be evicted while a prompt is still
 * being read (cascade): the end result is the same as of one eviction at the end.
 *
 * <p>Source: Qin et al. 2025 (arXiv 2503.12491). Later evictions, which the paper leaves at the
 * budgets of the first, judge by mean and variance over all queries since.
 *
 * @param budget slots a row, on average over the layers
 * @param window queries at the end of the prompt that observe; as many last tokens are kept
 * @param tau1 temperature of the entropy
 * @param tau2 temperature of the variance
 * @param gamma weight of the variance in a slot's score
 * @param kernel slots that are averaged; odd
 */
public record Cake(int budget, int window, double tau1, double tau2, float gamma, int kernel)
    implements EvictionPolicy {
  /** Checks the values. */
  public Cake {
    Checks.between("budget", budget, 1, Integer.MAX_VALUE);
    Checks.between("window", window, 1, budget);
    Checks.that(tau1 > 0, "tau1", tau1, "more than 0");
    Checks.that(tau2 > 0, "tau2", tau2, "more than 0");
    Checks.finite("gamma", gamma);
    Checks.between("kernel", kernel, 1, 1 << 16);
    Checks.that(kernel % 2 == 1, "kernel", kernel, "an odd number");
  }

  /** A window of 32, at most half the budget; temperatures of 1, gamma 200, averages of 5. */
  public static Cake budget(int budget) {
    return new Cake(budget, Math.clamp(budget / 2, 1, 32), 1, 1, 200, 5);
  }

  @Override
  public Observation observation() {
    return Observation.moments(window);
  }

  @Override
  public int recents() {
    return window;
  }

  @Override
  public int[] budgets(RowStatistics[][] rows) {
    double[] preferences = new double[rows.length];
    int length = 0;
    for (int layer = 0; layer < rows.length; layer++) {
      preferences[layer] = preference(rows[layer]);
      length = Math.max(length, rows[layer][0].length());
    }
    int[] budgets =
        spread(preferences, (long) (budget - window) * rows.length, Math.max(0, length - window));
    return Arrays.stream(budgets).map(share -> window + share).toArray();
  }

  private double preference(RowStatistics[] rows) {
    double entropy = 0;
    double variance = 0;
    for (RowStatistics row : rows) {
      for (int slot = 0; slot < row.length() - window; slot++) {
        entropy += row.entropy(slot);
        variance += row.variance(slot);
      }
    }
    return Math.pow(entropy, 1 / tau1) * Math.pow(variance, 1 / tau2);
  }

  /**
   * Shares {@code total} slots out in proportion to preferences, at most {@code most} to each. The
   * shares are whole numbers that add up to the total, or to the most there can be. Where the sum
   * of preferences is zero or infinite they say nothing, and shares are alike.
   */
  static int[] spread(double[] preferences, long total, int most) {
    int count = preferences.length;
    boolean[] full = new boolean[count];
    double[] shares = new double[count];
    long rest = Math.min(total, (long) most * count);
    long left = rest;
    // Each round fills at least one layer, or is the last.
    for (boolean more = true; more; ) {
      more = false;
      double sum = 0;
      for (int i = 0; i < count; i++) {
        sum += full[i] ? 0 : preferences[i];
      }
      long open = IntStream.range(0, count).filter(i -> !full[i]).count();
      long before = left;
      for (int i = 0; i < count; i++) {
        if (!full[i]) {
          shares[i] =
              sum > 0 && Double.isFinite(sum)
                  ? before * (preferences[i] / sum)
                  : (double) before / open;
          if (shares[i] > most) {
            shares[i] = most;
            full[i] = true;
            left -= most;
            more = true;
          }
        }
      }
    }
    return round(shares, rest);
  }

  /** Rounds down, then gives what is missing to the largest remainders, lower layers first. */
  private static int[] round(double[] shares, long total) {
    int[] whole = Arrays.stream(shares).mapToInt(share -> (int) share).toArray();
    long missing = total - Arrays.stream(whole).asLongStream().sum();
    int[] order =
        IntStream.range(0, shares.length)
            .boxed()
            .sorted((a, b) -> Double.compare(shares[b] - whole[b], shares[a] - whole[a]))
            .mapToInt(i -> i)
            .toArray();
    for (int i = 0; i < missing; i++) {
      whole[order[i]]++;
    }
    return whole;
  }

  @Override
  public void score(RowStatistics row, float[] scores) {
    for (int slot = 0; slot < scores.length; slot++) {
      scores[slot] = row.score(slot) + gamma * row.variance(slot);
    }
    Pooling.average(scores, Math.max(0, scores.length - window), kernel);
  }
}
