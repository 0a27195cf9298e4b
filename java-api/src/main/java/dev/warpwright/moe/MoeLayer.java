package dev.warpwright.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.PlanCache;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.sparse.Linear;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A mixture-of-experts feed-forward layer: router, dispatch, the chosen experts' products, and
 * their weighted sum, {@code y_t = Σ_e w_{t,e} · down_e(act(gate_e x_t) ⊙ up_e x_t)}.
 *
 * <p>Layers of one shape share their plans. Used by one thread at a time.
 */
public final class MoeLayer implements AutoCloseable {
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();
  private final int hidden;
  private final RouteSpec routing;
  private final DispatchSpec dispatching;
  private final @Nullable Tensor bias;
  private final Linear router;
  private final PreparedExperts expand;
  private final PreparedExperts reduce;
  private final PlanCache.Lease<Route> route;
  private final PlanCache.Lease<Dispatch> dispatch;
  private final PlanCache.Lease<ExpertMatmul> expanding;
  private final PlanCache.Lease<ExpertMatmul> reducing;
  private final PlanCache.Lease<Combine> combine;
  private final Tensor logits;
  private final Tensor ids;
  private final Tensor weights;
  private final Tensor offsets;
  private final Tensor order;
  private final Tensor slots;
  private final Tensor inner;
  private final Tensor results;

  /** A layer on the device of {@code plans}; the weights are copied. */
  public MoeLayer(PlanCache plans, MoeSpec spec, MoeWeights given) {
    Checks.that(
        spec.route().experts() == given.expand().experts(),
        "spec.route.experts",
        spec.route().experts(),
        "the weights' " + given.expand().experts());
    KernelDevice device = plans.device();
    routing = spec.route();
    hidden = given.expand().inputs();
    bias = given.bias();
    int tokens = routing.maxTokens();
    int topK = routing.topK();
    dispatching = DispatchSpec.of(tokens, topK, routing.experts());
    int maxSlots = dispatching.slots(tokens);
    CombineSpec combining = new CombineSpec(tokens, topK, hidden);
    try {
      router = own(new Linear(plans, given.router(), tokens));
      expand = own(device.moe().prepare(given.expand()));
      reduce = own(device.moe().prepare(given.reduce()));
      route = own(plans.lease(Route.class, routing, () -> device.moe().route(routing)));
      dispatch =
          own(plans.lease(Dispatch.class, dispatching, () -> device.moe().dispatch(dispatching)));
      expanding = lease(plans, spec(given.expand(), maxSlots, spec.activation(), topK));
      reducing = lease(plans, spec(given.reduce(), maxSlots, Activation.NONE, 0));
      combine = own(plans.lease(Combine.class, combining, () -> device.moe().combine(combining)));
      logits = scratch(device, DType.F32, tokens, routing.experts());
      ids = scratch(device, DType.I32, tokens, topK);
      weights = scratch(device, DType.F32, tokens, topK);
      offsets = scratch(device, DType.I32, routing.experts() + 1);
      order = scratch(device, DType.I32, maxSlots);
      slots = scratch(device, DType.I32, tokens, topK);
      inner = scratch(device, DType.F32, maxSlots, given.expand().outputs());
      results = scratch(device, DType.F32, maxSlots, hidden);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static ExpertMatmulSpec spec(
      ExpertWeights experts, int maxSlots, Activation activation, int topK) {
    return new ExpertMatmulSpec(
        maxSlots,
        experts.experts(),
        experts.outputs(),
        experts.inputs(),
        experts.format(),
        activation,
        topK);
  }

  private PlanCache.Lease<ExpertMatmul> lease(PlanCache plans, ExpertMatmulSpec spec) {
    return own(
        plans.lease(ExpertMatmul.class, spec, () -> plans.device().moe().expertMatmul(spec)));
  }

  private Tensor scratch(KernelDevice device, DType dtype, long... shape) {
    DeviceTensor memory = own(device.allocate(dtype, shape));
    return memory.tensor();
  }

  private <T extends AutoCloseable> T own(T part) {
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
   * @return which experts were chosen
   */
  public Routing apply(Tensor x, Tensor y) {
    Checks.notNull("x", x);
    Checks.that(x.rank() == 2, "x.rank", x.rank(), "2");
    int tokens = (int) Checks.between("x.shape[0]", x.size(0), 0, routing.maxTokens());
    Checks.tensor("x", x, DType.F32, tokens, hidden);
    Checks.tensor("y", y, DType.F32, tokens, hidden);
    Checks.disjoint("y", y, "x", x);
    int count = dispatching.slots(tokens);
    Tensor tokenLogits = logits.slice(0, tokens);
    Tensor tokenIds = ids.slice(0, tokens);
    Tensor tokenWeights = weights.slice(0, tokens);
    Tensor tokenSlots = slots.slice(0, tokens);
    Tensor slotOrder = order.slice(0, count);
    Tensor slotInner = inner.slice(0, count);
    Tensor slotResults = results.slice(0, count);
    router.apply(x, tokenLogits);
    Route routePlan = route.lock();
    try {
      routePlan.run(tokenLogits, bias, tokenIds, tokenWeights);
    } finally {
      route.unlock();
    }
    Dispatch dispatchPlan = dispatch.lock();
    try {
      dispatchPlan.run(tokenIds, offsets, slotOrder, tokenSlots);
    } finally {
      dispatch.unlock();
    }
    ExpertMatmul expandPlan = expanding.lock();
    try {
      expandPlan.run(expand, offsets, slotOrder, x, slotInner);
    } finally {
      expanding.unlock();
    }
    ExpertMatmul reducePlan = reducing.lock();
    try {
      reducePlan.run(reduce, offsets, null, slotInner, slotResults);
    } finally {
      reducing.unlock();
    }
    Combine combinePlan = combine.lock();
    try {
      combinePlan.run(slotResults, tokenSlots, tokenWeights, y);
    } finally {
      combine.unlock();
    }
    return new Routing(tokenIds, tokenWeights);
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      try {
        owned.pop().close();
      } catch (Exception e) {
        // Parts declare no checked exceptions; the interface that holds them does.
        throw new IllegalStateException(e);
      }
    }
  }
}
