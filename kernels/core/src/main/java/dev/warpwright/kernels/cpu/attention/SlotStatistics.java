package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;

/** The formulas of {@link dev.warpwright.kernels.attention.ScoreAccumulate}, for one slot. */
final class SlotStatistics {
  private SlotStatistics() {}

  /** Adds a score to a sum. */
  static void add(Tensor array, long at, boolean restart, float score) {
    array.setFloat(at, restart ? score : array.getFloat(at) + score);
  }

  /** Merges {@code n} observations of a mean and unbiased variance into count, mean, squares. */
  static void merge(Tensor array, long at, boolean restart, int n, float mean, float variance) {
    double count = restart ? 0 : array.getFloat(at);
    double before = restart ? 0 : array.getFloat(at + 1);
    double squares = restart ? 0 : array.getFloat(at + 2);
    double delta = mean - before;
    double total = count + n;
    array.setFloat(at, (float) total);
    array.setFloat(at + 1, (float) (before + delta * n / total));
    array.setFloat(
        at + 2,
        (float) (squares + (double) variance * (n - 1) + delta * delta * count * n / total));
  }
}
