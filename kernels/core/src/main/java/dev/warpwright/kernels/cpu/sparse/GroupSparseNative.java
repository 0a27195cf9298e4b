package dev.warpwright.kernels.cpu.sparse;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.warpwright.kernels.cpu.NativeLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The functions of {@code group_sparse_matmul_avx512.c}. */
final class GroupSparseNative {
  private static final MethodHandle MULTIPLY = link("ww_group_sparse_multiply");
  private static final MethodHandle MULTIPLY_FLOATS = link("ww_group_sparse_multiply_floats");

  private GroupSparseNative() {}

  private static MethodHandle link(String name) {
    return NativeLibrary.procedure(
        name, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS,
        JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
  }

  /** With a row of x in digits, or one of floats. */
  static void multiply(
      boolean encoded,
      MemorySegment codes,
      MemorySegment scales,
      MemorySegment masks,
      MemorySegment starts,
      long unit,
      long groups,
      long group,
      MemorySegment x,
      long at,
      MemorySegment y,
      long yAt,
      long count) {
    try {
      if (encoded) {
        MULTIPLY.invokeExact(
            codes, scales, masks, starts, unit, groups, group, x, at, y, yAt, count);
      } else {
        MULTIPLY_FLOATS.invokeExact(
            codes, scales, masks, starts, unit, groups, group, x, at, y, yAt, count);
      }
    } catch (Throwable e) {
      throw NativeLibrary.failed(e);
    }
  }
}
