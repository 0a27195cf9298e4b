package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Writes the result of a softmax. */
final class SoftmaxState {
  private SoftmaxState() {}

  /**
   * Writes output and log-sum-exp of one (token, query head).
   *
   * @param most the largest logit
   * @param sum Σ exp(logit − most)
   * @param values Σ exp(logit − most) · value, from {@code at} on, before {@code scale}
   * @param kernels say where an element stands in {@code values}
   * @param entry number of the (token, query head)
   * @param lse empty when not needed
   */
  static void write(
      float most,
      float sum,
      float[] values,
      int at,
      SlotKernels kernels,
      float scale,
      int headDim,
      long entry,
      MemorySegment out,
      MemorySegment lse) {
    boolean empty = most == Float.NEGATIVE_INFINITY;
    for (int dim = 0; dim < headDim; dim++) {
      out.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          (entry * headDim + dim) * Float.BYTES,
          empty ? 0 : values[at + kernels.sumAt(dim)] * scale / sum);
    }
    if (lse.byteSize() > 0) {
      lse.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          entry * Float.BYTES,
          empty ? most : (float) (most + Math.log(sum)));
    }
  }
}
