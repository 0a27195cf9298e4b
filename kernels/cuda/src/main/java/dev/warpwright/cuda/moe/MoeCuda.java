package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaFamily;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.kernels.Checks;
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

/** The mixture-of-experts kernels on CUDA. */
public final class MoeCuda extends CudaFamily implements MoeKernels {
  /** The family of {@code device}. */
  public MoeCuda(CudaKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return spec instanceof ExpertMatmulSpec experts
        ? hasShared(ExpertMatmulCuda.mostShared(device(), experts))
        : Support.yes();
  }

  @Override
  public Route route(RouteSpec spec) {
    require(Checks.notNull("spec", spec));
    return new RouteCuda(device(), spec);
  }

  @Override
  public Dispatch dispatch(DispatchSpec spec) {
    require(Checks.notNull("spec", spec));
    return new DispatchCuda(device(), spec);
  }

  @Override
  public PreparedExperts prepare(ExpertWeights weights) {
    Checks.notNull("weights", weights);
    require(ExpertMatmulSpec.of(1, weights, ExpertMatmulSpec.Activation.NONE, 0));
    return new PreparedExpertsCuda(device(), weights);
  }

  @Override
  public ExpertMatmul expertMatmul(ExpertMatmulSpec spec) {
    require(Checks.notNull("spec", spec));
    return new ExpertMatmulCuda(device(), spec);
  }

  @Override
  public Combine combine(CombineSpec spec) {
    require(Checks.notNull("spec", spec));
    return new CombineCuda(device(), spec);
  }
}
