package dev.warpwright.cli.model;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.InputMoments;
import dev.warpwright.kernels.sparse.Pruning;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import org.jspecify.annotations.Nullable;

/** The format that a decoder brings its projection and expert matrices into. */
public enum WeightKind {
  /** Every weight an F32 number: exactly the checkpoint's values. */
  F32("dense F32") {
    @Override
    WeightMatrix matrix(Tensor weights, @Nullable InputMoments inputs) {
      return new DenseMatrix(asFloats(weights));
    }
  },
  /** 4-bit codes, one scale for 32 weights. */
  W4("dense W4") {
    @Override
    WeightMatrix matrix(Tensor weights, @Nullable InputMoments inputs) {
      return QuantMatrix.quantise(new DenseMatrix(asFloats(weights)), Grouping.w4(32));
    }
  },
  /**
   * 4-bit codes in groups of 16, of which each row keeps half: those that matter most to the
   * outputs if the inputs are known, else the heavier ones.
   */
  W4_HALF("W4, half the groups") {
    @Override
    WeightMatrix matrix(Tensor weights, @Nullable InputMoments inputs) {
      DenseMatrix dense = new DenseMatrix(asFloats(weights));
      return inputs == null || inputs.inputs() == 0
          ? Pruning.magnitude(dense, Grouping.w4(16), 0.5, Pruning.Scope.PER_ROW)
          : Pruning.secondOrder(dense, Grouping.w4(16), 0.5, Pruning.Scope.PER_ROW, inputs);
    }
  };

  private final String label;

  WeightKind(String label) {
    this.label = label;
  }

  /** Name for tables. */
  public String label() {
    return label;
  }

  /**
   * A matrix of this kind.
   *
   * @param weights the values
   * @param inputs what the matrix is multiplied with, if that is known
   */
  abstract WeightMatrix matrix(Tensor weights, @Nullable InputMoments inputs);

  /** The same values as F32; the tensor itself where it is F32 already. */
  static Tensor asFloats(Tensor tensor) {
    if (tensor.dtype() == DType.F32) {
      return tensor;
    }
    long[] shape = new long[tensor.rank()];
    for (int dim = 0; dim < shape.length; dim++) {
      shape[dim] = tensor.size(dim);
    }
    return Tensor.wrap(tensor.toFloats(), shape);
  }
}
