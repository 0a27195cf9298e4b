package dev.warpwright.cuda.runtime;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jcuda.Pointer;

/**
 * Arguments of a kernel in one piece of native memory, each aligned to its size, structs to 8
 * bytes. Add them in the order of the kernel's parameters, launch, {@link #clear}, and use the
 * object again.
 */
public final class KernelArguments {
  /** What a kernel can take on all supported devices. */
  private static final int CAPACITY = 4096;

  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(CAPACITY).order(ByteOrder.nativeOrder());
  private final Pointer start = Pointer.to(buffer);
  private final List<Pointer> pointers = new ArrayList<>();

  /** Removes all arguments. */
  public KernelArguments clear() {
    buffer.clear();
    pointers.clear();
    return this;
  }

  /** Adds the address of a buffer. */
  public KernelArguments add(DeviceBuffer memory) {
    return add(memory, 0);
  }

  /** Adds the address of a byte of a buffer. */
  public KernelArguments add(DeviceBuffer memory, long offset) {
    return add(memory.address() + offset);
  }

  /** Adds a 32-bit integer. */
  public KernelArguments add(int value) {
    place(Integer.BYTES).putInt(value);
    return this;
  }

  /** Adds a 64-bit integer. */
  public KernelArguments add(long value) {
    place(Long.BYTES).putLong(value);
    return this;
  }

  /** Adds a float. */
  public KernelArguments add(float value) {
    place(Float.BYTES).putFloat(value);
    return this;
  }

  /** Adds a double. */
  public KernelArguments add(double value) {
    place(Double.BYTES).putDouble(value);
    return this;
  }

  /** Adds a struct: a copy of all bytes of {@code value}, laid out as the kernel expects them. */
  public KernelArguments add(MemorySegment value) {
    int bytes = Math.toIntExact(value.byteSize());
    place(bytes, Long.BYTES).put(value.asByteBuffer());
    return this;
  }

  private ByteBuffer place(int bytes) {
    return place(bytes, bytes);
  }

  private ByteBuffer place(int bytes, int alignment) {
    int offset = (buffer.position() + alignment - 1) & -alignment;
    if (offset + bytes > CAPACITY) {
      throw new IllegalStateException("kernel arguments take more than " + CAPACITY + " bytes");
    }
    pointers.add(start.withByteOffset(offset));
    return buffer.position(offset);
  }

  /** A pointer to each argument. */
  Pointer pointers() {
    return Pointer.to(pointers.toArray(Pointer[]::new));
  }
}
