package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;
import dev.warpwright.kernels.reduce.ReduceKernels;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceStream;

/** SKELETON: the reduce kernels, on the Vector API. */
public final class ReduceVector extends HostFamily implements ReduceKernels {
  /** The family of {@code device}. */
  public ReduceVector(HostDevice device) {
    super(device);
  }

  @Override
  public Support support(KernelSpec spec) {
    return Support.no("SKELETON");
  }

  @Override
  public TreeReduce treeReduce(TreeReduceSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public TreeReduceStream treeReduceStream(TreeReduceSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }
}
