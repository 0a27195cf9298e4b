package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.SparseKernels;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.TornadoFamily;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.ArrayList;
import java.util.List;

/** The matrix products on TornadoVM. */
public final class SparseTornado extends TornadoFamily implements SparseKernels, Resource {
  private final List<WeightHeap> heaps = new ArrayList<>();

  /** The family of {@code device}. */
  public SparseTornado(TornadoKernelDevice device) {
    super(device);
  }

  /** Adds weights to a heap. */
  public WeightHeap.Block add(StoredWeights weights) {
    synchronized (heaps) {
      for (WeightHeap heap : heaps) {
        if (heap.takes(weights)) {
          return heap.add(weights);
        }
      }
      WeightHeap fresh = new WeightHeap(device());
      heaps.add(fresh);
      return fresh.add(weights);
    }
  }

  @Override
  public void close() {
    synchronized (heaps) {
      heaps.forEach(WeightHeap::close);
      heaps.clear();
    }
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
