package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Writes the result of a softmax. */
final class SoftmaxState {
  private SoftmaxState() {}

  /**
   * Writes output and log-sum-exp of one (token, query head).
   *
   * @param most the largest logit of a key
   * @param sum Σ exp(logit − most) over the keys
   * @param sink a logit that enters the denominator, −∞ for none
   * @param values Σ exp(logit − most) · value, from {@code at} on, before {@code scale}
   * @param kernels say where an element stands in {@code values}
   * @param entry number of the (token, query head)
   * @param lse empty when not needed
   */
  static void write(
      float most,
      float sum,
      float sink,
      float[] values,
      int at,
      SlotKernels kernels,
      float scale,
      int headDim,
      long entry,
      MemorySegment out,
      MemorySegment lse) {
    boolean empty = most == Float.NEGATIVE_INFINITY;
    double denominator = denominator(most, sum, sink);
    for (int dim = 0; dim < headDim; dim++) {
      out.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          (entry * headDim + dim) * Float.BYTES,
          empty ? 0 : (float) (values[at + kernels.sumAt(dim)] * scale / denominator));
    }
    if (lse.byteSize() > 0) {
      lse.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          entry * Float.BYTES,
          (float) logSumExp(most, sum, sink));
    }
  }

  private static double logSumExp(float most, float sum, float sink) {
    // From the larger of the two, so that nothing overflows.
    return sink > most
        ? sink + Math.log1p(sum * Math.exp((double) most - sink))
        : most == Float.NEGATIVE_INFINITY ? most : most + Math.log(denominator(most, sum, sink));
  }

  /** Σ exp(logit − most), the sink included; infinite when next to it all keys are nothing. */
  static double denominator(float most, float sum, float sink) {
    return sink == Float.NEGATIVE_INFINITY ? sum : sum + Math.exp((double) sink - most);
  }
}
