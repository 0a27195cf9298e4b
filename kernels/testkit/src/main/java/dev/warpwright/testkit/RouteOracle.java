package dev.warpwright.testkit;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Judges what {@link Route} chose for one token by scores computed in double. A choice may differ
 * from the reference's only where the scores are closer than the error of F32 probabilities, and
 * never between experts of equal logit and bias, whose scores are equal on every provider.
 */
final class RouteOracle {
  /**
   * Relative error of an F32 probability: exp(x − max) has that of x − max, 2⁻²⁴ · 88 = 5e-6 where
   * the exponential is about to vanish, and a few roundings more.
   */
  private static final double PROBABILITY = 1e-5;

  /** Where probabilities are subnormal their relative error grows; divided by the sum's 1e-20. */
  private static final double TINY = 1e-17;

  private final RouteSpec spec;
  private final int token;
  private final float[] logits;
  private final float[] biases;
  private final double[] probability;
  private final double[] choice;
  private final double[] slack;

  RouteOracle(RouteSpec spec, int token, Tensor logits, @Nullable Tensor bias) {
    this.spec = spec;
    this.token = token;
    this.logits = logits.row(token).toFloats();
    this.biases = bias == null ? new float[spec.experts()] : bias.toFloats();
    probability = new double[spec.experts()];
    choice = new double[spec.experts()];
    slack = new double[spec.experts()];
    double most = Double.NEGATIVE_INFINITY;
    for (float logit : this.logits) {
      most = Math.max(most, logit);
    }
    double sum = 0;
    for (float logit : this.logits) {
      sum += Math.exp(logit - most);
    }
    for (int e = 0; e < choice.length; e++) {
      double x = this.logits[e];
      probability[e] =
          spec.scoring() == RouteSpec.Scoring.SOFTMAX
              ? Math.exp(x - most) / sum
              : 1 / (1 + Math.exp(-x));
      choice[e] = probability[e] + biases[e];
      // Rounding of the sum comes on top of the error of the probability.
      slack[e] = PROBABILITY * probability[e] + 0x1p-23 * Math.abs(choice[e]) + Float.MIN_NORMAL;
    }
  }

  /** Compares one token's results with the reference's; returns the largest weight error. */
  double judge(Tensor expectedIds, Tensor ids, Tensor weights) {
    int[] want = expectedIds.row(token).toInts();
    int[] got = ids.row(token).toInts();
    boolean[] seen = new boolean[spec.experts()];
    for (int j = 0; j < got.length; j++) {
      if (got[j] < 0 || got[j] >= spec.experts() || seen[got[j]]) {
        throw violation("ids " + Arrays.toString(got) + " are out of range or repeated");
      }
      seen[got[j]] = true;
    }
    if (!Arrays.equals(want, got) && !isGroupMarginThin()) {
      for (int j = 0; j < got.length; j++) {
        if (want[j] != got[j] && !mayBeTaken(got[j], want[j])) {
          throw violation(
              "chose " + Arrays.toString(got) + ", the reference " + Arrays.toString(want));
        }
      }
    }
    return judgeWeights(got, weights.row(token).toFloats());
  }

  private boolean mayBeTaken(int got, int want) {
    boolean twins = logits[got] == logits[want] && biases[got] == biases[want];
    return !twins && Math.abs(choice[got] - choice[want]) <= slack[got] + slack[want];
  }

  /** Whether the last group kept and the first one left out are too close to be told apart. */
  private boolean isGroupMarginThin() {
    if (spec.keptGroups() == spec.groups()) {
      return false;
    }
    int size = spec.experts() / spec.groups();
    double[] scores = new double[spec.groups()];
    double widest = 0;
    for (int g = 0; g < scores.length; g++) {
      double[] group = Arrays.copyOfRange(choice, g * size, (g + 1) * size);
      for (int i = 0; i < size; i++) {
        group[i] = Double.isNaN(group[i]) ? Double.NEGATIVE_INFINITY : group[i];
        widest = Math.max(widest, Double.isInfinite(slack[g * size + i]) ? 0 : slack[g * size + i]);
      }
      Arrays.sort(group);
      scores[g] = group[size - 1] + (size == 1 ? 0 : group[size - 2]);
    }
    Arrays.sort(scores);
    int cut = spec.groups() - spec.keptGroups();
    double margin = scores[cut] - scores[cut - 1];
    return margin != 0 && margin <= 4 * widest;
  }

  private double judgeWeights(int[] ids, float[] weights) {
    double sum = 1e-20;
    for (int e : ids) {
      sum += probability[e];
    }
    Tolerance tolerance = new Tolerance(TINY * Math.abs(spec.scale()), 2 * PROBABILITY);
    double worst = 0;
    for (int j = 0; j < ids.length; j++) {
      double p = probability[ids[j]];
      float want = (float) ((spec.renormalise() ? p / sum : p) * spec.scale());
      double fraction = tolerance.fraction(want, weights[j]);
      if (!(fraction <= 1)) {
        throw violation("weight " + j + " is " + weights[j] + " and should be " + want);
      }
      worst = Math.max(worst, fraction);
    }
    return worst;
  }

  private ContractViolation violation(String what) {
    return new ContractViolation("token " + token + ": " + what);
  }
}
