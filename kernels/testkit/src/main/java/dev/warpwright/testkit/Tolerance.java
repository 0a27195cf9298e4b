package dev.warpwright.testkit;

/**
 * How far a float result may lie from the reference: {@code |actual − expected| ≤ absolute +
 * relative · |expected|}. NaN equals NaN only; an infinity equals itself only.
 *
 * @param absolute absolute part
 * @param relative relative part
 */
public record Tolerance(double absolute, double relative) {
  /** Only equal bits will do, except that any NaN equals any NaN. */
  public static final Tolerance BITS = new Tolerance(0, 0);

  /** The error of {@code actual} as a fraction of what is allowed: above 1 is a violation. */
  public double fraction(float expected, float actual) {
    if (Float.floatToIntBits(expected) == Float.floatToIntBits(actual)) {
      return 0;
    }
    if (!Float.isFinite(expected) || !Float.isFinite(actual)) {
      return Double.POSITIVE_INFINITY;
    }
    double allowed = absolute + relative * Math.abs((double) expected);
    double error = Math.abs((double) actual - expected);
    // With no tolerance even −0 against +0 is a difference.
    return allowed == 0 ? Double.POSITIVE_INFINITY : error / allowed;
  }
}
