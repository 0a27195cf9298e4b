package dev.warpwright.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.PlanCache;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.sparse.Linear;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A mixture-of-experts feed-forward layer: router, dispatch, the chosen experts' products, and
 * their weighted sum, {@code y_t = Σ_e w_{t,e} · down_e(act(gate_e x_t) ⊙ up_e x_t)}.
 *
 * <p>Layers of one shape and format share plans and intermediate results, so a model of many layers
 * holds them once. May be shared by threads; calls of layers that share wait for each other.
 */
public final class MoeLayer implements Resource {
  private final Deque<Resource> owned = new ArrayDeque<>();
  private final int maxTokens;
  private final int hidden;
  private final @Nullable Tensor bias;
  private final Linear router;
  private final PreparedExperts expand;
  private final PreparedExperts reduce;
  private final PlanCache.Lease<MoeWorkspace> workspace;

  /** A layer on the device of {@code plans}; the weights are copied, the bias is not. */
  public MoeLayer(PlanCache plans, MoeSpec spec, MoeWeights weights) {
    ExpertWeights experts = weights.expand();
    Checks.that(
        spec.route().experts() == experts.experts(),
        "spec.route.experts",
        spec.route().experts(),
        "the weights' " + experts.experts());
    maxTokens = spec.route().maxTokens();
    hidden = experts.inputs();
    bias = weights.bias();
    var key =
        new MoeWorkspace.Key(
            spec, hidden, experts.outputs(), experts.format(), weights.reduce().format());
    try {
      router = own(new Linear(plans, weights.router(), maxTokens, Activations.F32));
      expand = own(plans.device().moe().prepare(experts));
      reduce = own(plans.device().moe().prepare(weights.reduce()));
      workspace =
          own(plans.lease(MoeWorkspace.class, key, () -> new MoeWorkspace(plans.device(), key)));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private <T extends Resource> T own(T part) {
    owned.push(part);
    return part;
  }

  /** Memory that the weights hold on the device. */
  public long weightBytes() {
    return router.weightBytes() + expand.bytes() + reduce.bytes();
  }

  /**
   * Applies the layer.
   *
   * @param x F32 {@code [tokens, hidden]}
   * @param y F32 {@code [tokens, hidden]}; disjoint from x
   * @return which experts were chosen; valid until the next call of a layer that shares with this
   *     one
   */
  public Routing apply(Tensor x, Tensor y) {
    Checks.notNull("x", x);
    Checks.that(x.rank() == 2, "x.rank", x.rank(), "2");
    int tokens = (int) Checks.between("x.shape[0]", x.size(0), 0, maxTokens);
    Checks.tensor("x", x, DType.F32, tokens, hidden);
    Checks.tensor("y", y, DType.F32, tokens, hidden);
    Checks.disjoint("y", y, "x", x);
    MoeWorkspace shared = workspace.lock();
    try {
      return shared.apply(tokens, router, bias, expand, reduce, x, y);
    } finally {
      workspace.unlock();
    }
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
