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
    MatrixProductSpec product = (MatrixProductSpec) spec;
    Support weights =
        fits(
            "weights",
            StoredWeights.elements(product.format(), product.outputs(), product.inputs()),
            1);
    int widest =
        Math.max(product.outputs(), StoredWeights.padded(product.format(), product.inputs()));
    return weights.supported() ? fits("rows", product.maxRows(), widest) : weights;
  }

  @Override
  public PreparedMatrix prepare(WeightMatrix matrix) {
    require(MatrixProductSpec.of(1, matrix));
    return new MatrixTornado(device(), matrix);
  }

  @Override
  public MatrixProduct product(MatrixProductSpec spec) {
    require(spec);
    return new MatrixProductTornado(device(), spec);
  }
}
