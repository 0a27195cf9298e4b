package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaFamily;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.SparseKernels;
import dev.warpwright.kernels.sparse.WeightMatrix;

/** The matrix products on CUDA. */
public final class SparseCuda extends CudaFamily implements SparseKernels {
  /** The family of {@code device}. */
  public SparseCuda(CudaKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return hasShared(MatrixProductCuda.mostShared((MatrixProductSpec) spec));
  }

  @Override
  public PreparedMatrix prepare(WeightMatrix matrix) {
    require(MatrixProductSpec.of(1, Checks.notNull("matrix", matrix)));
    return new CudaMatrix(device(), matrix);
  }

  @Override
  public MatrixProduct product(MatrixProductSpec spec) {
    require(Checks.notNull("spec", spec));
    return new MatrixProductCuda(device(), spec);
  }
}
