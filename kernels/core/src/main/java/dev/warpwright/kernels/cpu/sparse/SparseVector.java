package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.SparseKernels;
import dev.warpwright.kernels.sparse.WeightMatrix;

/** SKELETON: the sparse kernels, on the Vector API. */
public final class SparseVector extends HostFamily implements SparseKernels {
  /** The family of {@code device}. */
  public SparseVector(HostDevice device) {
    super(device);
  }

  @Override
  public Support support(KernelSpec spec) {
    return Support.no("SKELETON");
  }

  @Override
  public PreparedMatrix prepare(WeightMatrix matrix) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public MatrixProduct product(MatrixProductSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }
}
