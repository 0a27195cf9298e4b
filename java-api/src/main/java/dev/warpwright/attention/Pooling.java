package dev.warpwright.attention;

/** Smoothing of scores along a sequence. */
final class Pooling {
  private Pooling() {}

  /**
   * Replaces each of the first {@code count} scores by the mean of the {@code kernel} around it;
   * beyond both ends there are zeros, which count.
   */
  static void average(float[] scores, int count, int kernel) {
    float[] before = scores.clone();
    for (int slot = 0; slot < count; slot++) {
      double sum = 0;
      for (int i = slot - kernel / 2; i <= slot + kernel / 2; i++) {
        sum += i < 0 || i >= count ? 0 : before[i];
      }
      scores[slot] = (float) (sum / kernel);
    }
  }
}
