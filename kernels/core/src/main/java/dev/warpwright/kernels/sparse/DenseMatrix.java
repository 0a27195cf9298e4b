package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;

/**
 * A matrix that stores every weight as a float.
 *
 * @param weights F32, F16 or BF16 host tensor {@code [rows, columns]}; not copied
 */
public record DenseMatrix(Tensor weights) implements WeightMatrix {
  /** Checks type and shape. */
  public DenseMatrix {
    Checks.notNull("weights", weights);
    new WeightFormat.Dense(weights.dtype());
    Checks.that(weights.rank() == 2, "weights.rank", weights.rank(), "2");
    Checks.between("weights.shape[0]", weights.size(0), 1, Integer.MAX_VALUE);
    Checks.between("weights.shape[1]", weights.size(1), 1, Integer.MAX_VALUE - 256);
    Checks.that(weights.isHost(), "weights", "on " + weights.memory().place(), "host memory");
  }

  @Override
  public int rows() {
    return (int) weights.size(0);
  }

  @Override
  public int columns() {
    return (int) weights.size(1);
  }

  @Override
  public WeightFormat format() {
    return new WeightFormat.Dense(weights.dtype());
  }

  @Override
  public long bytes() {
    return weights.bytes();
  }

  @Override
  public void decodeRow(int row, float[] into) {
    long base = (long) row * columns();
    for (int k = 0; k < columns(); k++) {
      into[k] = weights.getFloat(base + k);
    }
  }
}
