package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;
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

/** The mixture-of-experts kernels as their formulas say: scalar, one thread. */
public final class MoeReference extends HostFamily implements MoeKernels {
  /** The family of {@code device}. */
  public MoeReference(HostDevice device) {
    super(device);
  }

  @Override
  public Support support(KernelSpec spec) {
    return Support.yes();
  }

  @Override
  public Route route(RouteSpec spec) {
    require(Checks.notNull("spec", spec));
    return new RouteReference(device(), spec);
  }

  @Override
  public Dispatch dispatch(DispatchSpec spec) {
    require(Checks.notNull("spec", spec));
    return new DispatchReference(device(), spec);
  }

  @Override
  public PreparedExperts prepare(ExpertWeights weights) {
    Checks.notNull("weights", weights);
    require(ExpertMatmulSpec.of(1, weights, ExpertMatmulSpec.Activation.NONE, 0));
    return new PreparedExpertsReference(device(), weights);
  }

  @Override
  public ExpertMatmul expertMatmul(ExpertMatmulSpec spec) {
    require(Checks.notNull("spec", spec));
    return new ExpertMatmulReference(device(), spec);
  }

  @Override
  public Combine combine(CombineSpec spec) {
    require(Checks.notNull("spec", spec));
    return new CombineReference(device(), spec);
  }
}
