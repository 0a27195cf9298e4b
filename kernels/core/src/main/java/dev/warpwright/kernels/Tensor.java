package dev.warpwright.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.Buffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A dense row-major array: an element type, a shape and a place in one {@link Memory}.
 *
 * <p>A tensor never owns its memory: whoever allocated it frees it. Wrapping copies nothing, and
 * views made by {@link #slice}, {@link #row} and {@link #reshape} share memory with their origin.
 * Sizes and offsets are {@code long}.
 */
public final class Tensor {
  private final Memory memory;
  private final long byteOffset;
  private final DType dtype;
  private final Shape shape;

  /** The tensor's own bytes when they are host memory, kept so that access needs no slicing. */
  private final MemorySegment segment;

  /**
   * The array behind the segment, if there is one that may be written; kept for the same reason.
   */
  private final @Nullable Object array;

  private Tensor(Memory memory, long byteOffset, DType dtype, Shape shape) {
    this.memory = memory;
    this.byteOffset = byteOffset;
    this.dtype = dtype;
    this.shape = shape;
    this.segment =
        memory instanceof HostMemory host
            ? host.segment().asSlice(byteOffset, byteSize(dtype, shape))
            : MemorySegment.NULL;
    this.array = segment.heapBase().orElse(null);
  }

  private static long byteSize(DType dtype, Shape shape) {
    if (shape.elements() > Long.MAX_VALUE / dtype.bytes()) {
      throw new InvalidArgumentException("shape", shape, "at most 2^63-1 bytes");
    }
    return shape.elements() * dtype.bytes();
  }

  /**
   * A tensor in {@code memory}, starting {@code byteOffset} bytes into it.
   *
   * @throws InvalidArgumentException if the elements do not fit into the memory
   */
  public static Tensor of(Memory memory, long byteOffset, DType dtype, long... shape) {
    Checks.notNull("memory", memory);
    Checks.notNull("dtype", dtype);
    Shape checked = Shape.of(shape);
    long bytes = byteSize(dtype, checked);
    Checks.between("byteOffset", byteOffset, 0, memory.bytes());
    if (bytes > memory.bytes() - byteOffset) {
      throw new InvalidArgumentException(
          "shape",
          checked + " " + dtype + " (" + bytes + " bytes)",
          "at most the "
              + (memory.bytes() - byteOffset)
              + " bytes of the memory behind offset "
              + byteOffset);
    }
    return new Tensor(memory, byteOffset, dtype, checked);
  }

  /**
   * Wraps a heap, direct or mapped segment without copying. Elements are in the machine's
   * little-endian order and need no alignment.
   *
   * @throws InvalidArgumentException if the segment is confined to a thread, closed, or too small
   */
  public static Tensor wrap(MemorySegment segment, DType dtype, long... shape) {
    return of(new HostMemory(segment), 0, dtype, shape);
  }

  /** Wraps an F32 heap array without copying. */
  public static Tensor wrap(float[] array, long... shape) {
    return wrap(MemorySegment.ofArray(Checks.notNull("array", array)), DType.F32, shape);
  }

  /** Wraps an F64 heap array without copying. */
  public static Tensor wrap(double[] array, long... shape) {
    return wrap(MemorySegment.ofArray(Checks.notNull("array", array)), DType.F64, shape);
  }

  /** Wraps an I32 heap array without copying. */
  public static Tensor wrap(int[] array, long... shape) {
    return wrap(MemorySegment.ofArray(Checks.notNull("array", array)), DType.I32, shape);
  }

  /** Wraps an I64 heap array without copying. */
  public static Tensor wrap(long[] array, long... shape) {
    return wrap(MemorySegment.ofArray(Checks.notNull("array", array)), DType.I64, shape);
  }

  /**
   * Wraps a heap array of 16-bit elements ({@code F16}, {@code BF16} or {@code I16}) without
   * copying.
   */
  public static Tensor wrap(short[] array, DType dtype, long... shape) {
    Checks.dtype("array", dtype, DType.F16, DType.BF16, DType.I16);
    return wrap(MemorySegment.ofArray(Checks.notNull("array", array)), dtype, shape);
  }

  /**
   * Wraps a heap array of 8-bit elements ({@code I8}, {@code U8} or {@code F8E4M3}) without
   * copying.
   */
  public static Tensor wrap(byte[] array, DType dtype, long... shape) {
    Checks.dtype("array", dtype, DType.I8, DType.U8, DType.F8E4M3);
    return wrap(MemorySegment.ofArray(Checks.notNull("array", array)), dtype, shape);
  }

  /**
   * Wraps the bytes between position and limit of a direct or array-backed buffer without copying.
   *
   * @throws InvalidArgumentException if the buffer's byte order is not little-endian, or it is too
   *     small
   */
  public static Tensor wrap(Buffer buffer, DType dtype, long... shape) {
    Checks.notNull("buffer", buffer);
    ByteOrder order =
        switch (buffer) {
          case FloatBuffer b -> b.order();
          case DoubleBuffer b -> b.order();
          case IntBuffer b -> b.order();
          case LongBuffer b -> b.order();
          case ShortBuffer b -> b.order();
          case CharBuffer b -> b.order();
          default -> ByteOrder.nativeOrder(); // bytes, whose order says nothing about elements
        };
    Checks.that(order == ByteOrder.LITTLE_ENDIAN, "buffer.order", order, "LITTLE_ENDIAN");
    return wrap(MemorySegment.ofBuffer(buffer), dtype, shape);
  }

  /** A zeroed tensor in native memory of {@code arena}, aligned to 64 bytes. */
  public static Tensor allocate(Arena arena, DType dtype, long... shape) {
    Checks.notNull("dtype", dtype);
    Shape checked = Shape.of(shape);
    return new Tensor(
        new HostMemory(arena.allocate(byteSize(dtype, checked), 64)), 0, dtype, checked);
  }

  /** The memory this tensor lives in. */
  public Memory memory() {
    return memory;
  }

  /** Where the tensor starts in its memory. */
  public long byteOffset() {
    return byteOffset;
  }

  /** Element type. */
  public DType dtype() {
    return dtype;
  }

  /** Sizes of all dimensions. */
  public Shape shape() {
    return shape;
  }

  /** Number of dimensions. */
  public int rank() {
    return shape.rank();
  }

  /** Size of dimension {@code dim}. */
  public long size(int dim) {
    return shape.size(dim);
  }

  /** Number of elements. */
  public long elements() {
    return shape.elements();
  }

  /** Size in bytes. */
  public long bytes() {
    return shape.elements() * dtype.bytes();
  }

  /** Whether the tensor lives in host memory. */
  public boolean isHost() {
    return memory instanceof HostMemory;
  }

  /**
   * Exactly the bytes of this tensor.
   *
   * @throws IllegalStateException if the tensor is not in host memory
   */
  public MemorySegment segment() {
    if (!isHost()) {
      throw new IllegalStateException("tensor lives on " + memory.place() + ", not in host memory");
    }
    return segment;
  }

  /**
   * The heap array that the tensor lies in; null in native and device memory, and in read-only heap
   * memory, which hides its array. {@code segment().address()} is the tensor's byte offset in it.
   */
  public @Nullable Object array() {
    return array;
  }

  /**
   * A view of the entries {@code from} (inclusive) to {@code to} (exclusive) of the outermost
   * dimension.
   */
  public Tensor slice(long from, long to) {
    Checks.that(rank() > 0, "rank", 0, "at least 1");
    Checks.between("to", to, 0, size(0));
    Checks.between("from", from, 0, to);
    return new Tensor(memory, byteOffset + from * rowBytes(), dtype, shape.withLeading(to - from));
  }

  /** A view of entry {@code index} of the outermost dimension, with that dimension dropped. */
  public Tensor row(long index) {
    Checks.that(rank() > 0, "rank", 0, "at least 1");
    Checks.between("index", index, 0, size(0) - 1);
    return new Tensor(memory, byteOffset + index * rowBytes(), dtype, shape.dropLeading());
  }

  private long rowBytes() {
    return size(0) == 0 ? 0 : bytes() / size(0);
  }

  /** A view of the same elements in another shape. */
  public Tensor reshape(long... sizes) {
    Shape other = Shape.of(sizes);
    Checks.that(other.elements() == elements(), "shape", other, elements() + " elements");
    return new Tensor(memory, byteOffset, dtype, other);
  }

  /**
   * Element {@code index} (in row-major order) of a floating-point host tensor, converted exactly
   * to F32 (F64 is rounded).
   */
  public float getFloat(long index) {
    return switch (dtype) {
      case F32 -> segment().get(ValueLayout.JAVA_FLOAT_UNALIGNED, index * 4);
      case F64 -> (float) segment().get(ValueLayout.JAVA_DOUBLE_UNALIGNED, index * 8);
      case F16 -> Float.float16ToFloat(segment().get(ValueLayout.JAVA_SHORT_UNALIGNED, index * 2));
      case BF16 ->
          FloatFormats.bf16ToFloat(segment().get(ValueLayout.JAVA_SHORT_UNALIGNED, index * 2));
      case F8E4M3 -> FloatFormats.f8e4m3ToFloat(segment().get(ValueLayout.JAVA_BYTE, index));
      default -> throw new InvalidArgumentException("dtype", dtype, "a floating-point type");
    };
  }

  /**
   * Stores {@code value} at {@code index} of a floating-point host tensor, rounded to nearest even.
   */
  public void setFloat(long index, float value) {
    switch (dtype) {
      case F32 -> segment().set(ValueLayout.JAVA_FLOAT_UNALIGNED, index * 4, value);
      case F64 -> segment().set(ValueLayout.JAVA_DOUBLE_UNALIGNED, index * 8, value);
      case F16 ->
          segment().set(ValueLayout.JAVA_SHORT_UNALIGNED, index * 2, Float.floatToFloat16(value));
      case BF16 ->
          segment()
              .set(ValueLayout.JAVA_SHORT_UNALIGNED, index * 2, FloatFormats.floatToBf16(value));
      case F8E4M3 -> segment().set(ValueLayout.JAVA_BYTE, index, FloatFormats.floatToF8e4m3(value));
      default -> throw new InvalidArgumentException("dtype", dtype, "a floating-point type");
    }
  }

  /** Element {@code index} of an I32 host tensor. */
  public int getInt(long index) {
    requireInts();
    return segment().get(ValueLayout.JAVA_INT_UNALIGNED, index * 4);
  }

  /** Stores {@code value} at {@code index} of an I32 host tensor. */
  public void setInt(long index, int value) {
    requireInts();
    segment().set(ValueLayout.JAVA_INT_UNALIGNED, index * 4, value);
  }

  /** A copy of all elements of a floating-point host tensor as F32. */
  public float[] toFloats() {
    float[] copy = new float[Math.toIntExact(elements())];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = getFloat(i);
    }
    return copy;
  }

  /** A copy of all elements of an I32 host tensor. */
  public int[] toInts() {
    requireInts();
    return segment().toArray(ValueLayout.JAVA_INT_UNALIGNED);
  }

  private void requireInts() {
    if (dtype != DType.I32) {
      throw new InvalidArgumentException("tensor.dtype", dtype, "I32");
    }
  }

  @Override
  public String toString() {
    return dtype + shape.toString() + "@" + memory.place();
  }
}
