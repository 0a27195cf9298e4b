package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.FloatFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads a key or value out of its words, which lie some stride apart: one loop a type. */
final class VectorWords {
  private VectorWords() {}

  /** Reads the words from byte {@code at} on, {@code stride} bytes from one to the next. */
  static void read(DType dtype, MemorySegment pages, long at, int stride, float[] to) {
    switch (dtype) {
      case F32 -> {
        for (int dim = 0; dim < to.length; dim++) {
          to[dim] = pages.get(ValueLayout.JAVA_FLOAT, at + (long) dim * stride);
        }
      }
      case F16 -> {
        for (int dim = 0; dim < to.length; dim += 2) {
          int word = pages.get(ValueLayout.JAVA_INT, at + (long) (dim >> 1) * stride);
          to[dim] = Float.float16ToFloat((short) word);
          to[dim + 1] = Float.float16ToFloat((short) (word >> 16));
        }
      }
      case BF16 -> {
        for (int dim = 0; dim < to.length; dim += 2) {
          int word = pages.get(ValueLayout.JAVA_INT, at + (long) (dim >> 1) * stride);
          to[dim] = Float.intBitsToFloat(word << 16);
          to[dim + 1] = Float.intBitsToFloat(word & 0xffff0000);
        }
      }
      case I8 -> {
        for (int dim = 0; dim < to.length; dim++) {
          int word = pages.get(ValueLayout.JAVA_INT, at + (long) (dim >> 2) * stride);
          to[dim] = (byte) (word >> 8 * dim);
        }
      }
      case F8E4M3 -> {
        for (int dim = 0; dim < to.length; dim++) {
          int word = pages.get(ValueLayout.JAVA_INT, at + (long) (dim >> 2) * stride);
          to[dim] = FloatFormats.f8e4m3ToFloat((byte) (word >> 8 * dim));
        }
      }
      default -> throw new IllegalArgumentException("no pools of " + dtype);
    }
  }
}
