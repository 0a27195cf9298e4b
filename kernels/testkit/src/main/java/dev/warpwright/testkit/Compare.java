package dev.warpwright.testkit;

import dev.warpwright.kernels.Tensor;

/** Comparison of results with the reference. */
public final class Compare {
  private Compare() {}

  /**
   * Compares floats.
   *
   * @return the largest error as a fraction of what is allowed
   * @throws ContractViolation at the first element that is off by more
   */
  public static double floats(String name, Tensor expected, Tensor actual, Tolerance tolerance) {
    double worst = 0;
    for (long i = 0; i < expected.elements(); i++) {
      float want = expected.getFloat(i);
      float got = actual.getFloat(i);
      double fraction = tolerance.fraction(want, got);
      if (!(fraction <= 1)) {
        throw new ContractViolation(
            name
                + "["
                + i
                + "] of "
                + expected.shape()
                + " is "
                + got
                + ", the reference has "
                + want
                + " (error "
                + fraction
                + " of what is allowed)");
      }
      worst = Math.max(worst, fraction);
    }
    return worst;
  }

  /** Compares integers, which must be equal. */
  public static void ints(String name, Tensor expected, Tensor actual) {
    for (long i = 0; i < expected.elements(); i++) {
      if (expected.getInt(i) != actual.getInt(i)) {
        throw new ContractViolation(
            name
                + "["
                + i
                + "] of "
                + expected.shape()
                + " is "
                + actual.getInt(i)
                + ", the reference has "
                + expected.getInt(i));
      }
    }
  }
}
