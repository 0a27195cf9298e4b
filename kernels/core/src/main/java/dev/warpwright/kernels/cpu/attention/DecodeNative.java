package dev.warpwright.kernels.cpu.attention;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.warpwright.kernels.cpu.NativeLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The functions of {@code paged_decode_avx512.c}. */
final class DecodeNative {
  private static final MethodHandle F32 = link("ww_paged_decode_f32");
  private static final MethodHandle F16 = link("ww_paged_decode_f16");

  private DecodeNative() {}

  private static MethodHandle link(String name) {
    return NativeLibrary.procedure(
        name, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG,
        JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG,
        ADDRESS, ADDRESS);
  }

  /** Arguments as in {@code warpwright_cpu.h}. */
  static void attend(
      KvPoolVector pool,
      boolean f16,
      MemorySegment table,
      long first,
      long slots,
      long ahead,
      long columns,
      MemorySegment queries,
      long lower,
      long upper,
      MemorySegment outs,
      MemorySegment states) {
    KvLayout layout = pool.layout();
    MemorySegment pages = pool.pages();
    long pageBytes = layout.pageBytes();
    long pageSize = pool.spec().pageSize();
    long keysAt = layout.key(0, 0);
    long valuesAt = layout.value(0, 0);
    long rowBytes = layout.rowBytes();
    long headDim = pool.spec().headDim();
    long paddedDim = layout.paddedDim();
    try {
      if (f16) {
        F16.invokeExact(
            pages, pageBytes, pageSize, keysAt, valuesAt, rowBytes, table, first, slots, ahead,
            headDim, paddedDim, columns, queries, lower, upper, outs, states);
      } else {
        F32.invokeExact(
            pages, pageBytes, pageSize, keysAt, valuesAt, rowBytes, table, first, slots, ahead,
            headDim, paddedDim, columns, queries, lower, upper, outs, states);
      }
    } catch (Throwable e) {
      throw NativeLibrary.failed(e);
    }
  }
}
