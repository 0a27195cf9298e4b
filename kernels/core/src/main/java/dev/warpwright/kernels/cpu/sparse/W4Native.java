package dev.warpwright.kernels.cpu.sparse;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.warpwright.kernels.cpu.NativeLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The functions of {@code w4_matmul_avx512.c}. */
final class W4Native {
  private static final MethodHandle FIXED_POINT =
      NativeLibrary.function(
          "ww_w4_fixed_point", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
  private static final MethodHandle ROUND =
      NativeLibrary.procedure(
          "ww_w4_round", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
  private static final MethodHandle MULTIPLY =
      NativeLibrary.procedure(
          "ww_w4_multiply",
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle MULTIPLY_FLOATS =
      NativeLibrary.procedure(
          "ww_w4_multiply_floats",
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG);

  private W4Native() {}

  static boolean fixedPoint(
      MemorySegment x, long at, long groups, long group, MemorySegment out, long outAt) {
    try {
      return (int) FIXED_POINT.invokeExact(x, at, groups, group, out, outAt) != 0;
    } catch (Throwable e) {
      throw NativeLibrary.failed(e);
    }
  }

  static void round(
      MemorySegment x, long at, long groups, long group, MemorySegment out, long outAt) {
    try {
      ROUND.invokeExact(x, at, groups, group, out, outAt);
    } catch (Throwable e) {
      throw NativeLibrary.failed(e);
    }
  }

  static void multiply(
      MemorySegment codes,
      long stride,
      MemorySegment scales,
      long unit,
      long groups,
      long group,
      long digits,
      MemorySegment x,
      long at,
      MemorySegment y,
      long yAt,
      long count) {
    try {
      MULTIPLY.invokeExact(
          codes, stride, scales, unit, groups, group, digits, x, at, y, yAt, count);
    } catch (Throwable e) {
      throw NativeLibrary.failed(e);
    }
  }

  static void multiplyFloats(
      MemorySegment codes,
      long stride,
      MemorySegment scales,
      long unit,
      long groups,
      long group,
      MemorySegment x,
      long at,
      MemorySegment y,
      long yAt,
      long count) {
    try {
      MULTIPLY_FLOATS.invokeExact(codes, stride, scales, unit, groups, group, x, at, y, yAt, count);
    } catch (Throwable e) {
      throw NativeLibrary.failed(e);
    }
  }
}
