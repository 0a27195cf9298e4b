package dev.warpwright.cli;

import java.util.List;
import java.util.Locale;

/**
 * What differs between two measurements of the same things.
 *
 * @param mean of the differences
 * @param error its standard error; NaN for one thing
 */
record PairedDifference(double mean, double error) {
  /** {@code values − others}. */
  static PairedDifference of(List<Double> values, List<Double> others) {
    int n = values.size();
    double mean = 0;
    for (int i = 0; i < n; i++) {
      mean += (values.get(i) - others.get(i)) / n;
    }
    double squares = 0;
    for (int i = 0; i < n; i++) {
      double rest = values.get(i) - others.get(i) - mean;
      squares += rest * rest;
    }
    return new PairedDifference(mean, n < 2 ? Double.NaN : Math.sqrt(squares / (n - 1) / n));
  }

  @Override
  public String toString() {
    return Double.isNaN(error)
        ? String.format(Locale.ROOT, "%+.4f", mean)
        : String.format(Locale.ROOT, "%+.4f ± %.4f", mean, error);
  }
}
