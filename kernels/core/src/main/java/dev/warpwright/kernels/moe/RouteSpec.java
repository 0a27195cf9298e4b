package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and rule of a {@link Route}.
 *
 * @param maxTokens most tokens of one run
 * @param experts number of experts
 * @param topK experts a token
 * @param scoring how logits become probabilities
 * @param biased whether a bias an expert, given at {@code run}, is added for the choice (never to
 *     the weight)
 * @param groups number of equal groups of neighbouring experts; 1 for no grouping
 * @param keptGroups groups whose experts may be chosen: those with the largest sum of their two
 *     best scores
 * @param renormalise whether the chosen weights are divided by their sum
 * @param scale factor of the weights, last
 */
public record RouteSpec(
    int maxTokens,
    int experts,
    int topK,
    Scoring scoring,
    boolean biased,
    int groups,
    int keptGroups,
    boolean renormalise,
    float scale)
    implements KernelSpec {
  /** How logits become probabilities. */
  public enum Scoring {
    /** exp(x_e) / Σ exp(x). */
    SOFTMAX,
    /** 1 / (1 + exp(−x_e)). */
    SIGMOID
  }

  /** Checks the values. */
  public RouteSpec {
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.between("experts", experts, 1, 1 << 20);
    Checks.between("topK", topK, 1, experts);
    Checks.notNull("scoring", scoring);
    Checks.between("groups", groups, 1, experts);
    Checks.multipleOf("experts", experts, groups);
    Checks.between("keptGroups", keptGroups, 1, groups);
    Checks.between("topK", topK, 1, experts / groups * keptGroups);
    Checks.finite("scale", scale);
  }

  /** Mixtral's rule: softmax over all experts, the best k, divided by their sum. */
  public static RouteSpec mixtral(int maxTokens, int experts, int topK) {
    return new RouteSpec(maxTokens, experts, topK, Scoring.SOFTMAX, false, 1, 1, true, 1);
  }

  /**
   * DeepSeek-V3's rule: sigmoid, bias for the choice, group-limited, divided by their sum, scaled.
   */
  public static RouteSpec deepSeek(
      int maxTokens, int experts, int topK, int groups, int keptGroups, float scale) {
    return new RouteSpec(
        maxTokens, experts, topK, Scoring.SIGMOID, true, groups, keptGroups, true, scale);
  }

  @Override
  public KernelId kernel() {
    return KernelId.ROUTE;
  }
}
