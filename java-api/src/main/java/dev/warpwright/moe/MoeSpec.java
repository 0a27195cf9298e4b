package dev.warpwright.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.RouteSpec;

/**
 * How a mixture-of-experts layer works.
 *
 * @param route how experts are chosen; {@code route.maxTokens} is the most tokens of one call
 * @param activation what happens between the experts' matrices
 */
public record MoeSpec(RouteSpec route, Activation activation) {
  /** Checks the values. */
  public MoeSpec {
    Checks.notNull("route", route);
    Checks.notNull("activation", activation);
    Checks.that(activation != Activation.NONE, "activation", activation, "a gated activation");
  }

  /** Mixtral's layer: softmax, top k, renormalised, SwiGLU. */
  public static MoeSpec mixtral(int maxTokens, int experts, int topK) {
    return new MoeSpec(RouteSpec.mixtral(maxTokens, experts, topK), Activation.SWIGLU);
  }
}
