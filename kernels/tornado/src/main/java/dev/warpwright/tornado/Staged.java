package dev.warpwright.tornado;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Copies between tensors and arrays of TornadoVM, whose new arrays hold garbage. */
public final class Staged {
  private Staged() {}

  /** An array of at least one element, zeroed. */
  public static FloatArray floats(long elements) {
    FloatArray array = new FloatArray(size(elements));
    array.init(0);
    return array;
  }

  /** An array of at least one element, zeroed. */
  public static IntArray ints(long elements) {
    IntArray array = new IntArray(size(elements));
    array.init(0);
    return array;
  }

  /** An array of at least one element, zeroed. */
  public static ShortArray shorts(long elements) {
    ShortArray array = new ShortArray(size(elements));
    array.init((short) 0);
    return array;
  }

  /** An array of at least one element, zeroed. */
  public static ByteArray bytes(long elements) {
    ByteArray array = new ByteArray(size(elements));
    array.init((byte) 0);
    return array;
  }

  /** An array of at least one element, zeroed. */
  public static DoubleArray doubles(long elements) {
    DoubleArray array = new DoubleArray(size(elements));
    array.init(0);
    return array;
  }

  private static int size(long elements) {
    return Math.toIntExact(Math.max(elements, 1));
  }

  /** Copies all bytes of a tensor to the beginning of an array. */
  public static void in(Tensor from, TornadoNativeArray to) {
    MemorySegment.copy(from.segment(), 0, to.getSegment(), 0, from.bytes());
  }

  /** Fills a tensor from the beginning of an array. */
  public static void out(TornadoNativeArray from, Tensor to) {
    MemorySegment.copy(from.getSegment(), 0, to.segment(), 0, to.bytes());
  }

  /** Copies numbers to the beginning of an array. */
  public static void in(IntArray to, int... numbers) {
    MemorySegment.copy(
        numbers, 0, to.getSegment(), ValueLayout.JAVA_INT_UNALIGNED, 0, numbers.length);
  }

  /** Copies numbers to the beginning of an array. */
  public static void in(FloatArray to, float... numbers) {
    MemorySegment.copy(
        numbers, 0, to.getSegment(), ValueLayout.JAVA_FLOAT_UNALIGNED, 0, numbers.length);
  }

  /**
   * Copies rows of an F32 tensor to the beginning of an array, in which rows are longer and end
   * with zeros.
   *
   * @param from {@code [rows, columns]}
   * @param padded elements of a row of the array
   */
  public static void rows(Tensor from, FloatArray to, int padded) {
    long bytes = from.size(1) * Float.BYTES;
    MemorySegment target = to.getSegment();
    for (long row = 0; row < from.size(0); row++) {
      long at = row * padded * Float.BYTES;
      MemorySegment.copy(from.segment(), row * bytes, target, at, bytes);
      target.asSlice(at + bytes, padded * (long) Float.BYTES - bytes).fill((byte) 0);
    }
  }

  /** Writes elements {@code from … from + count − 1} of a floating-point tensor as F32. */
  public static void floats(Tensor tensor, long from, int count, FloatArray to, int at) {
    if (tensor.dtype() == DType.F32) {
      MemorySegment.copy(
          tensor.segment(),
          from * Float.BYTES,
          to.getSegment(),
          (long) at * Float.BYTES,
          (long) count * Float.BYTES);
      return;
    }
    for (int i = 0; i < count; i++) {
      to.set(at + i, tensor.getFloat(from + i));
    }
  }

  /** Groups of work items for {@code items} items. */
  public static int groups(long items) {
    return Math.toIntExact(Math.ceilDiv(items, Program.GROUP));
  }
}
