package dev.warpwright.moe;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.sparse.Linear;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** Plans and intermediate results of the mixture-of-experts layers of one shape. */
final class MoeWorkspace implements Resource {
  /** What layers must have in common to share a workspace. */
  record Key(
      MoeSpec spec, int hidden, int intermediate, WeightFormat expand, WeightFormat reduce) {}

  private final Deque<Resource> owned = new ArrayDeque<>();
  private final DispatchSpec dispatching;
  private final Route route;
  private final Dispatch dispatch;
  private final ExpertMatmul expand;
  private final ExpertMatmul reduce;
  private final Combine combine;
  private final Tensor logits;
  private final Tensor ids;
  private final Tensor weights;
  private final Tensor offsets;
  private final Tensor order;
  private final Tensor slots;
  private final Tensor inner;
  private final Tensor results;

  MoeWorkspace(KernelDevice device, Key key) {
    int tokens = key.spec().route().maxTokens();
    int topK = key.spec().route().topK();
    int experts = key.spec().route().experts();
    dispatching = DispatchSpec.of(tokens, topK, experts);
    int maxSlots = dispatching.slots(tokens);
    var expanding =
        new ExpertMatmulSpec(
            maxSlots,
            experts,
            key.intermediate(),
            key.hidden(),
            key.expand(),
            key.spec().activation(),
            topK);
    var reducing =
        new ExpertMatmulSpec(
            maxSlots, experts, key.hidden(), key.intermediate(), key.reduce(), Activation.NONE, 0);
    try {
      route = own(device.moe().route(key.spec().route()));
      dispatch = own(device.moe().dispatch(dispatching));
      expand = own(device.moe().expertMatmul(expanding));
      reduce = own(device.moe().expertMatmul(reducing));
      combine = own(device.moe().combine(new CombineSpec(tokens, topK, key.hidden())));
      logits = scratch(device, DType.F32, tokens, experts);
      ids = scratch(device, DType.I32, tokens, topK);
      weights = scratch(device, DType.F32, tokens, topK);
      offsets = scratch(device, DType.I32, experts + 1);
      order = scratch(device, DType.I32, maxSlots);
      slots = scratch(device, DType.I32, tokens, topK);
      inner = scratch(device, DType.F32, maxSlots, key.intermediate());
      results = scratch(device, DType.F32, maxSlots, key.hidden());
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private Tensor scratch(KernelDevice device, DType dtype, long... shape) {
    return own(device.allocate(dtype, shape)).tensor();
  }

  private <T extends Resource> T own(T part) {
    owned.push(part);
    return part;
  }

  /** Applies a layer of {@code tokens} tokens; shapes are checked. */
  Routing apply(
      int tokens,
      Linear router,
      @Nullable Tensor bias,
      PreparedExperts expandWeights,
      PreparedExperts reduceWeights,
      Tensor x,
      Tensor y) {
    int count = dispatching.slots(tokens);
    Tensor tokenLogits = logits.slice(0, tokens);
    Routing routing = new Routing(ids.slice(0, tokens), weights.slice(0, tokens));
    Tensor tokenSlots = slots.slice(0, tokens);
    Tensor slotOrder = order.slice(0, count);
    Tensor slotInner = inner.slice(0, count);
    Tensor slotResults = results.slice(0, count);
    router.apply(x, tokenLogits);
    route.run(tokenLogits, bias, routing.ids(), routing.weights());
    dispatch.run(routing.ids(), offsets, slotOrder, tokenSlots);
    expand.run(expandWeights, offsets, slotOrder, x, slotInner);
    reduce.run(reduceWeights, offsets, null, slotInner, slotResults);
    combine.run(slotResults, tokenSlots, routing.weights(), y);
    return routing;
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
