package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.AttentionBias;

/** Reads an {@link AttentionBias}. */
final class Biases {
  private Biases() {}

  /** ALiBi slope of a query head, 0 for none. */
  static float slope(AttentionBias bias, int queryHead) {
    return bias.slopes() == null ? 0 : bias.slopes().getFloat(queryHead);
  }

  /** Sink logit of a query head, −∞ for none. */
  static float sink(AttentionBias bias, int queryHead) {
    return bias.sinkLogits() == null
        ? Float.NEGATIVE_INFINITY
        : bias.sinkLogits().getFloat(queryHead);
  }
}
