package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;
import dev.warpwright.kernels.reduce.ReduceKernels;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceStream;

/** The reductions, on the Vector API. */
public final class ReduceVector extends HostFamily implements ReduceKernels {
  /** The family of {@code device}. */
  public ReduceVector(HostDevice device) {
    super(device);
  }

  @Override
  public Support support(KernelSpec spec) {
    return HostReductions.support((TreeReduceSpec) spec);
  }

  @Override
  public TreeReduce treeReduce(TreeReduceSpec spec) {
    require(spec);
    return new TreeReduceVector(device(), spec);
  }

  @Override
  public TreeReduceStream treeReduceStream(TreeReduceSpec spec) {
    require(spec);
    return new TreeReduceStreamVector(device(), spec);
  }
}
