package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.MoeKernels;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.tornado.TornadoFamily;
import dev.warpwright.tornado.TornadoKernelDevice;
import dev.warpwright.tornado.sparse.StoredWeights;

/** The mixture-of-experts kernels on TornadoVM. */
public final class MoeTornado extends TornadoFamily implements MoeKernels {
  /** The family of {@code device}. */
  public MoeTornado(TornadoKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return switch (spec) {
      case RouteSpec route ->
          fits("scores", route.maxTokens(), route.experts() + (long) route.groups());
      case DispatchSpec dispatch -> Support.yes();
      case CombineSpec combine -> fits("rows", combine.maxTokens(), combine.columns());
      case ExpertMatmulSpec experts -> offers(experts);
      default -> Support.no("not a mixture-of-experts kernel");
    };
  }

  private static Support offers(ExpertMatmulSpec spec) {
    long rows = 2L * spec.experts() * spec.outputs();
    Support weights =
        fits("weights", StoredWeights.elements(spec.format(), rows, spec.inputs()), 1);
    return weights.supported() ? fits("rows", spec.maxSlots(), spec.outputs()) : weights;
  }

  @Override
  public Route route(RouteSpec spec) {
    require(spec);
    return new RouteTornado(device(), spec);
  }

  @Override
  public Dispatch dispatch(DispatchSpec spec) {
    require(spec);
    return new DispatchTornado(device(), spec);
  }

  @Override
  public PreparedExperts prepare(ExpertWeights weights) {
    require(ExpertMatmulSpec.of(1, weights, ExpertMatmulSpec.Activation.NONE, 0));
    return new PreparedExpertsTornado(device(), weights);
  }

  @Override
  public ExpertMatmul expertMatmul(ExpertMatmulSpec spec) {
    require(spec);
    return new ExpertMatmulTornado(device(), spec);
  }

  @Override
  public Combine combine(CombineSpec spec) {
    require(spec);
    return new CombineTornado(device(), spec);
  }
}
