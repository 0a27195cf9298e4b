package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.tornado.TornadoKernelDevice;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link MatrixProduct} with one work item an output, each of which adds in order of columns. */
final class MatrixProductTornado extends MatrixProduct {
  MatrixProductTornado(TornadoKernelDevice device, MatrixProductSpec spec) {
    super(device, spec, 0);
  }

  /**
   * Weights as F32.
   *
   * @param sizes rows, outputs, elements of a padded row, where the weights begin
   */
  static void denseProduct(
      KernelContext context, IntArray sizes, FloatArray weights, FloatArray x, FloatArray y) {
    int item = context.globalIdx;
    int outputs = sizes.get(1);
    int padded = sizes.get(2);
    if (item < sizes.get(0) * outputs) {
      int row = item / outputs;
      int n = item - row * outputs;
      y.set(item, Dots.dense(weights, sizes.get(3) + n * padded, x, row * padded, padded));
    }
  }

  /**
   * Weights in groups.
   *
   * @param sizes rows, outputs, elements of a padded row, words of a group, bits of a code, inputs
   *     of a unit, and where the rows, groups and codes of the matrix begin
   */
  static void groupProduct(
      KernelContext context,
      IntArray sizes,
      IntArray starts,
      IntArray columns,
      IntArray codes,
      FloatArray scales,
      FloatArray zeros,
      FloatArray x,
      FloatArray units,
      FloatArray y) {
    int item = context.globalIdx;
    int outputs = sizes.get(1);
    int padded = sizes.get(2);
    int size = sizes.get(5);
    if (item < sizes.get(0) * outputs) {
      int row = item / outputs;
      int n = item - row * outputs;
      int unitsAt = 0;
      if (size > 0) {
        unitsAt = row * (padded / size);
      }
      float sum =
          Dots.groups(
              starts,
              columns,
              codes,
              scales,
              zeros,
              sizes.get(6) + n,
              sizes.get(7),
              sizes.get(8),
              x,
              row * padded,
              sizes.get(3),
              sizes.get(4),
              units,
              unitsAt,
              size);
      y.set(item, sum);
    }
  }

  @Override
  protected void execute(PreparedMatrix w, int rows, Tensor x, Tensor y) {
    ((MatrixTornado) w).multiply(rows, spec().activations() == Activations.I8, x, y);
  }

  @Override
  protected void release() {}
}
