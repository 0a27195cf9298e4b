package dev.warpwright.kernels.cpu.attention;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.cpu.NativeLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The function of {@code paged_decode_avx512.c}. */
final class DecodeNative {
  private static final MethodHandle DECODE =
      NativeLibrary.procedure(
          "ww_paged_decode",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG);

  private DecodeNative() {}

  /** A {@code struct ww_decode}. */
  static MemorySegment plan(KvPoolVector pool, PagedDecodeSpec spec) {
    KvLayout layout = pool.layout();
    long[] numbers = {
      switch (pool.spec().dtype()) {
        case F32 -> 0;
        case F16 -> 1;
        case BF16 -> 2;
        case I8 -> 3;
        case F8E4M3 -> 4;
        default -> throw new IllegalArgumentException("no pools of " + pool.spec().dtype());
      },
      layout.pageBytes(),
      pool.spec().pageSize(),
      layout.key(0, 0),
      layout.value(0, 0),
      layout.rowBytes(),
      layout.words(),
      pool.spec().headDim(),
      layout.paddedDim(),
      spec.heads().group()
    };
    MemorySegment plan = NativeLibrary.allocate((numbers.length + 1L) * Long.BYTES);
    MemorySegment.copy(numbers, 0, plan, JAVA_LONG, 0, numbers.length);
    plan.setAtIndex(JAVA_DOUBLE, numbers.length, spec.masking().softCap());
    return plan;
  }

  /** Arguments as in {@code warpwright_cpu.h}. */
  static void attend(
      MemorySegment plan,
      MemorySegment pages,
      MemorySegment table,
      long first,
      long slots,
      long ahead,
      MemorySegment queries,
      long position,
      long lower,
      long upper,
      MemorySegment scales,
      MemorySegment biases,
      MemorySegment slopes,
      MemorySegment outs,
      MemorySegment states,
      MemorySegment logits,
      long stride) {
    try {
      DECODE.invokeExact(
          plan, pages, table, first, slots, ahead, queries, position, lower, upper, scales, biases,
          slopes, outs, states, logits, stride);
    } catch (Throwable e) {
      throw NativeLibrary.failed(e);
    }
  }
}
