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

/** The mixture-of-experts kernels on TornadoVM. */
public final class MoeTornado extends TornadoFamily implements MoeKernels {
  /** The family of {@code device}. */
  public MoeTornado(TornadoKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return Support.yes();
  }

  @Override
  public Route route(RouteSpec spec) {
    throw unsupported(spec);
  }

  @Override
  public Dispatch dispatch(DispatchSpec spec) {
    throw unsupported(spec);
  }

  @Override
  public PreparedExperts prepare(ExpertWeights weights) {
    throw unsupported(ExpertMatmulSpec.of(1, weights, ExpertMatmulSpec.Activation.NONE, 0));
  }

  @Override
  public ExpertMatmul expertMatmul(ExpertMatmulSpec spec) {
    throw unsupported(spec);
  }

  @Override
  public Combine combine(CombineSpec spec) {
    throw unsupported(spec);
  }
}
