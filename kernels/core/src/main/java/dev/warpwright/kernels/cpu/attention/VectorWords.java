package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.FloatFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Keys and values read out of words that lie some stride apart, and written: one loop a type. */
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
          to[dim] = (byte) (word >> (8 * dim));
        }
      }
      case F8E4M3 -> {
        for (int dim = 0; dim < to.length; dim++) {
          int word = pages.get(ValueLayout.JAVA_INT, at + (long) (dim >> 2) * stride);
          to[dim] = FloatFormats.f8e4m3ToFloat((byte) (word >> (8 * dim)));
        }
      }
      default -> throw new IllegalArgumentException("no pools of " + dtype);
    }
  }

  /** Writes as many words, elements rounded to nearest even. */
  static void write(
      DType dtype, SlotKernels kernels, MemorySegment pages, long at, int stride, float[] from) {
    switch (dtype) {
      case F32 -> {
        for (int dim = 0; dim < from.length; dim++) {
          int word = Float.floatToRawIntBits(from[dim]);
          pages.set(ValueLayout.JAVA_INT, at + (long) dim * stride, word);
        }
      }
      case F16 -> {
        for (int dim = 0; dim < from.length; dim += 2) {
          int first = Float.floatToFloat16(from[dim]) & 0xffff;
          int second = Float.floatToFloat16(from[dim + 1]) & 0xffff;
          pages.set(ValueLayout.JAVA_INT, at + (long) (dim >> 1) * stride, second << 16 | first);
        }
      }
      default -> {
        int words = from.length * dtype.bytes() / KvLayout.WORD;
        for (int word = 0; word < words; word++) {
          pages.set(ValueLayout.JAVA_INT, at + (long) word * stride, kernels.word(from, word));
        }
      }
    }
  }
}
