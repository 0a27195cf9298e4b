package dev.warpwright.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Conversion of whole tensors between the floating-point types, by way of blocks in the cache whose
 * loops the JVM vectorises.
 */
public final class TensorConversion {
  private static final int BLOCK = 4096;

  private final float[] values = new float[BLOCK];
  private final double[] doubles;
  private final short[] shorts;
  private final byte[] bytes;

  private TensorConversion(DType from, DType to) {
    doubles = new double[Math.max(from.bytes(), to.bytes()) == 8 ? BLOCK : 0];
    shorts = new short[from.bytes() == 2 || to.bytes() == 2 ? BLOCK : 0];
    bytes = new byte[from.bytes() == 1 || to.bytes() == 1 ? BLOCK : 0];
  }

  /**
   * Writes the elements of {@code from} into {@code to}, rounded once to nearest, ties to even; see
   * {@link FloatFormats} for NaN, infinities and saturation. The same type is copied bit by bit.
   *
   * @param from a floating-point host tensor; F64 converts to F32 only, because two roundings would
   *     not be one
   * @param to a floating-point host tensor of the same shape; disjoint from {@code from}
   */
  public static void convert(Tensor from, Tensor to) {
    Checks.notNull("from", from);
    Checks.notNull("to", to);
    requireFloat("from", from);
    requireFloat("to", to);
    Checks.that(to.shape().equals(from.shape()), "to.shape", to.shape(), from.shape().toString());
    Checks.writable("to", to);
    Checks.disjoint("to", to, "from", from);
    if (from.dtype() == to.dtype()) {
      to.segment().copyFrom(from.segment());
      return;
    }
    if (from.dtype() == DType.F64) {
      Checks.dtype("to", to.dtype(), DType.F64, DType.F32);
    }
    TensorConversion conversion = new TensorConversion(from.dtype(), to.dtype());
    for (long at = 0; at < from.elements(); at += BLOCK) {
      int count = (int) Math.min(BLOCK, from.elements() - at);
      conversion.load(from, at, count);
      conversion.store(to, at, count);
    }
  }

  private static void requireFloat(String argument, Tensor tensor) {
    Checks.that(
        tensor.isHost(), argument, "in memory of " + tensor.memory().place(), "host memory");
    Checks.dtype(
        argument, tensor.dtype(), DType.F32, DType.F16, DType.BF16, DType.F8E4M3, DType.F64);
  }

  private void load(Tensor from, long at, int count) {
    MemorySegment segment = from.segment();
    long offset = at * from.dtype().bytes();
    switch (from.dtype()) {
      case F32 ->
          MemorySegment.copy(segment, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, values, 0, count);
      case F16 -> {
        MemorySegment.copy(segment, ValueLayout.JAVA_SHORT_UNALIGNED, offset, shorts, 0, count);
        FloatFormats.f16ToFloat(shorts, values, count);
      }
      case BF16 -> {
        MemorySegment.copy(segment, ValueLayout.JAVA_SHORT_UNALIGNED, offset, shorts, 0, count);
        FloatFormats.bf16ToFloat(shorts, values, count);
      }
      case F8E4M3 -> {
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, bytes, 0, count);
        FloatFormats.f8e4m3ToFloat(bytes, values, count);
      }
      default -> {
        MemorySegment.copy(segment, ValueLayout.JAVA_DOUBLE_UNALIGNED, offset, doubles, 0, count);
        for (int i = 0; i < count; i++) {
          values[i] = (float) doubles[i];
        }
      }
    }
  }

  private void store(Tensor to, long at, int count) {
    MemorySegment segment = to.segment();
    long offset = at * to.dtype().bytes();
    switch (to.dtype()) {
      case F32 ->
          MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, count);
      case F16 -> {
        FloatFormats.floatToF16(values, shorts, count);
        MemorySegment.copy(shorts, 0, segment, ValueLayout.JAVA_SHORT_UNALIGNED, offset, count);
      }
      case BF16 -> {
        FloatFormats.floatToBf16(values, shorts, count);
        MemorySegment.copy(shorts, 0, segment, ValueLayout.JAVA_SHORT_UNALIGNED, offset, count);
      }
      case F8E4M3 -> {
        FloatFormats.floatToF8e4m3(values, bytes, count);
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, offset, count);
      }
      default -> {
        for (int i = 0; i < count; i++) {
          doubles[i] = values[i];
        }
        MemorySegment.copy(doubles, 0, segment, ValueLayout.JAVA_DOUBLE_UNALIGNED, offset, count);
      }
    }
  }
}
