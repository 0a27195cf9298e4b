package dev.warpwright.kernels.cpu.moe;

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

/** SKELETON: the moe kernels, scalar reference. */
public final class MoeReference extends HostFamily implements MoeKernels {
  /** The family of {@code device}. */
  public MoeReference(HostDevice device) {
    super(device);
  }

  @Override
  public Support support(KernelSpec spec) {
    return Support.no("SKELETON");
  }

  @Override
  public Route route(RouteSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public Dispatch dispatch(DispatchSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public PreparedExperts prepare(ExpertWeights weights) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public ExpertMatmul expertMatmul(ExpertMatmulSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public Combine combine(CombineSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }
}
