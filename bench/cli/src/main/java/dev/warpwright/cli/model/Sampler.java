package dev.warpwright.cli.model;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import java.util.SplittableRandom;

/** Chooses the next token. */
@FunctionalInterface
public interface Sampler {
  /** The most probable token; of equal ones the first. */
  Sampler GREEDY =
      logits -> {
        int best = 0;
        for (int i = 1; i < logits.elements(); i++) {
          if (logits.getFloat(i) > logits.getFloat(best)) {
            best = i;
          }
        }
        return best;
      };

  /** A token, from F32 logits {@code [vocabulary]}. */
  int choose(Tensor logits);

  /**
   * Draws with probability softmax(logits / temperature); the same seed draws the same tokens.
   *
   * @param temperature above 0
   */
  static Sampler random(double temperature, long seed) {
    Checks.that(
        temperature > 0 && temperature < Double.POSITIVE_INFINITY,
        "temperature",
        temperature,
        "a finite number above 0");
    SplittableRandom random = new SplittableRandom(seed);
    return logits -> {
      float most = logits.getFloat(GREEDY.choose(logits));
      double[] cumulated = new double[(int) logits.elements()];
      double sum = 0;
      for (int i = 0; i < cumulated.length; i++) {
        sum += Math.exp(((double) logits.getFloat(i) - most) / temperature);
        cumulated[i] = sum;
      }
      double drawn = random.nextDouble() * sum;
      int token = 0;
      while (token < cumulated.length - 1 && cumulated[token] <= drawn) {
        token++;
      }
      return token;
    };
  }
}
