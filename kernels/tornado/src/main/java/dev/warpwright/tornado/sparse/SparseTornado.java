package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.SparseKernels;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.TornadoFamily;
import dev.warpwright.tornado.TornadoKernelDevice;

/** The matrix products on TornadoVM. */
public final class SparseTornado extends TornadoFamily implements SparseKernels {
  /** The family of {@code device}. */
  public SparseTornado(TornadoKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return Support.yes();
  }

  @Override
  public PreparedMatrix prepare(WeightMatrix matrix) {
    throw unsupported(MatrixProductSpec.of(1, matrix));
  }

  @Override
  public MatrixProduct product(MatrixProductSpec spec) {
    throw unsupported(spec);
  }
}
