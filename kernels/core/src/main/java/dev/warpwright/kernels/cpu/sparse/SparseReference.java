package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.SparseKernels;
import dev.warpwright.kernels.sparse.WeightMatrix;

/** The sparse kernels, scalar reference. */
public final class SparseReference extends HostFamily implements SparseKernels {
  /** The family of {@code device}. */
  public SparseReference(HostDevice device) {
    super(device);
  }

  @Override
  public Support support(KernelSpec spec) {
    return Support.yes();
  }

  @Override
  public PreparedMatrix prepare(WeightMatrix matrix) {
    Checks.notNull("matrix", matrix);
    require(MatrixProductSpec.of(1, matrix));
    return new ReferenceMatrix(device(), matrix);
  }

  @Override
  public MatrixProduct product(MatrixProductSpec spec) {
    Checks.notNull("spec", spec);
    require(spec);
    return new MatrixProductReference(device(), spec);
  }
}
