package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Copies rows of floats between tensors and arrays. */
final class Rows {
  private Rows() {}

  /** Fills {@code to} with the floats from byte {@code from} on. */
  static void copy(MemorySegment tensor, long from, float[] to) {
    MemorySegment.copy(tensor, ValueLayout.JAVA_FLOAT_UNALIGNED, from, to, 0, to.length);
  }
}
