package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;

/**
 * Second moments Σ x·xᵀ of the inputs that a matrix sees on sample data, summed in double: what
 * {@link Pruning#secondOrder} weighs errors with. Holds {@code 8·columns²} bytes. Not for several
 * threads at a time.
 */
public final class InputMoments {
  private final int columns;

  /** The upper triangle, row-major in full rows; what lies below the diagonal stays zero. */
  private final double[] upper;

  private long inputs;

  /**
   * Moments without any input.
   *
   * @param columns input features, 1 to 32768
   */
  public InputMoments(int columns) {
    this.columns = Checks.between("columns", columns, 1, 1 << 15);
    this.upper = new double[columns * columns];
  }

  /** Input features. */
  public int columns() {
    return columns;
  }

  /** Number of inputs seen. */
  public long inputs() {
    return inputs;
  }

  /**
   * Adds inputs.
   *
   * @param x F32 {@code [rows, columns]} in host memory; finite
   */
  public void add(Tensor x) {
    Checks.notNull("x", x);
    Checks.that(x.rank() == 2, "x.rank", x.rank(), "2");
    Checks.tensor("x", x, DType.F32, x.size(0), columns);
    Checks.that(x.isHost(), "x", "on " + x.memory().place(), "host memory");
    float[] values = x.toFloats();
    for (float value : values) {
      Checks.finite("x", value);
    }
    for (int row = 0; row < x.size(0); row++) {
      add(values, row * columns);
    }
    inputs += x.size(0);
  }

  private void add(float[] values, int at) {
    for (int i = 0; i < columns; i++) {
      double scale = values[at + i];
      int to = i * columns;
      for (int j = i; j < columns; j++) {
        upper[to + j] += scale * values[at + j];
      }
    }
  }

  /**
   * The moments as a full symmetric matrix with {@code damping} times the mean of the diagonal
   * added to the diagonal, so that it is positive definite; the identity if all inputs were zero.
   */
  double[] damped(double damping) {
    double[] full = upper.clone();
    double trace = 0;
    for (int i = 0; i < columns; i++) {
      trace += upper[i * columns + i];
      for (int j = 0; j < i; j++) {
        full[i * columns + j] = upper[j * columns + i];
      }
    }
    double added = trace == 0 ? 1 : damping * trace / columns;
    for (int i = 0; i < columns; i++) {
      full[i * columns + i] += added;
    }
    return full;
  }
}
