package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** {@link Route} as its formulas say: exponentials and sums in double, scores rounded to F32. */
final class RouteReference extends Route {
  private final float[] probability;
  private final float[] choice;
  private final boolean[] allowed;
  private final float[] groupScore;
  private final boolean[] kept;

  RouteReference(HostDevice device, RouteSpec spec) {
    super(device, spec, 9L * spec.experts() + 5L * spec.groups());
    probability = new float[spec.experts()];
    choice = new float[spec.experts()];
    allowed = new boolean[spec.experts()];
    groupScore = new float[spec.groups()];
    kept = new boolean[spec.groups()];
  }

  @Override
  protected void execute(
      int tokens, Tensor logits, @Nullable Tensor bias, Tensor ids, Tensor weights) {
    for (long t = 0; t < tokens; t++) {
      score(logits, t * spec().experts());
      for (int e = 0; e < choice.length; e++) {
        choice[e] = bias == null ? probability[e] : probability[e] + bias.getFloat(e);
      }
      allowBestGroups();
      choose(t * spec().topK(), ids, weights);
    }
  }

  private void score(Tensor logits, long from) {
    switch (spec().scoring()) {
      case SOFTMAX -> {
        double most = Double.NEGATIVE_INFINITY;
        for (int e = 0; e < probability.length; e++) {
          most = Math.max(most, logits.getFloat(from + e));
        }
        double sum = 0;
        for (int e = 0; e < probability.length; e++) {
          sum += Math.exp(logits.getFloat(from + e) - most);
        }
        for (int e = 0; e < probability.length; e++) {
          probability[e] = (float) (Math.exp(logits.getFloat(from + e) - most) / sum);
        }
      }
      case SIGMOID -> {
        for (int e = 0; e < probability.length; e++) {
          probability[e] = (float) (1 / (1 + Math.exp(-(double) logits.getFloat(from + e))));
        }
      }
    }
  }

  private void allowBestGroups() {
    int size = choice.length / groupScore.length;
    for (int g = 0; g < groupScore.length; g++) {
      Arrays.fill(allowed, g * size, (g + 1) * size, true);
      int first = takeBest(choice, allowed, g * size, (g + 1) * size);
      groupScore[g] =
          size == 1
              ? choice[first]
              : choice[first] + choice[takeBest(choice, allowed, g * size, (g + 1) * size)];
      Arrays.fill(allowed, g * size, (g + 1) * size, false);
      kept[g] = true;
    }
    for (int i = 0; i < spec().keptGroups(); i++) {
      int g = takeBest(groupScore, kept, 0, groupScore.length);
      Arrays.fill(allowed, g * size, (g + 1) * size, true);
    }
  }

  private void choose(long at, Tensor ids, Tensor weights) {
    double sum = 1e-20;
    for (int j = 0; j < spec().topK(); j++) {
      int e = takeBest(choice, allowed, 0, choice.length);
      ids.setInt(at + j, e);
      sum += probability[e];
    }
    for (int j = 0; j < spec().topK(); j++) {
      double p = probability[ids.getInt(at + j)];
      weights.setFloat(at + j, (float) ((spec().renormalise() ? p / sum : p) * spec().scale()));
    }
  }

  /** The first index of the best score among the candidates, which it then is no longer. */
  private static int takeBest(float[] scores, boolean[] candidate, int from, int to) {
    int best = -1;
    for (int i = from; i < to; i++) {
      if (candidate[i] && (best < 0 || isBetter(scores[i], scores[best]))) {
        best = i;
      }
    }
    candidate[best] = false;
    return best;
  }

  private static boolean isBetter(float a, float b) {
    return a > b || (Float.isNaN(b) && !Float.isNaN(a));
  }

  @Override
  protected void release() {}
}
