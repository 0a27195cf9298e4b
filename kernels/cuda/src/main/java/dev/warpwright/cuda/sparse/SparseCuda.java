package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaFamily;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.CuBlas;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.SparseKernels;
import dev.warpwright.kernels.sparse.WeightMatrix;
import org.jspecify.annotations.Nullable;

/** The matrix products on CUDA. */
public final class SparseCuda extends CudaFamily implements SparseKernels {
  /** The family of {@code device}. */
  public SparseCuda(CudaKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    MatrixProductSpec product = (MatrixProductSpec) spec;
    if (library(product) != null) {
      return Support.yes();
    }
    if (product.kernel() == KernelId.MATMUL && device().requiresBlas()) {
      return Support.no(MatmulCuBlas.F32_ONLY);
    }
    return hasShared(MatrixProductCuda.mostShared(product));
  }

  /** What multiplies in place of our kernel, or null. */
  private @Nullable CuBlas library(MatrixProductSpec spec) {
    return MatmulCuBlas.takes(spec.format()) ? device().blas() : null;
  }

  @Override
  public PreparedMatrix prepare(WeightMatrix matrix) {
    require(MatrixProductSpec.of(1, Checks.notNull("matrix", matrix)));
    return new CudaMatrix(device(), matrix);
  }

  @Override
  public MatrixProduct product(MatrixProductSpec spec) {
    require(Checks.notNull("spec", spec));
    CuBlas library = library(spec);
    return library == null
        ? new MatrixProductCuda(device(), spec)
        : new MatmulCuBlas(device(), spec, library);
  }
}
