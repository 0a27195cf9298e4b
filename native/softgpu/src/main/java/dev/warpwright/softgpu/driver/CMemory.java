package dev.warpwright.softgpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Reads and writes what the pointers of a C caller point at; a null pointer is INVALID_VALUE. */
final class CMemory {
  private CMemory() {}

  static boolean isNull(MemorySegment pointer) {
    return pointer.address() == 0;
  }

  /** The {@code bytes} bytes at a pointer. */
  static MemorySegment at(MemorySegment pointer, long bytes) {
    CudaFailure.require(!isNull(pointer));
    return pointer.reinterpret(bytes);
  }

  /** The {@code bytes} bytes at an address. */
  static MemorySegment at(long address, long bytes) {
    return at(MemorySegment.ofAddress(address), bytes);
  }

  static void putInt(MemorySegment pointer, int value) {
    at(pointer, Integer.BYTES).set(JAVA_INT_UNALIGNED, 0, value);
  }

  static void putLong(MemorySegment pointer, long value) {
    at(pointer, Long.BYTES).set(JAVA_LONG_UNALIGNED, 0, value);
  }

  static void putFloat(MemorySegment pointer, float value) {
    at(pointer, Float.BYTES).set(JAVA_FLOAT_UNALIGNED, 0, value);
  }

  static float getFloat(MemorySegment pointer) {
    return at(pointer, Float.BYTES).get(JAVA_FLOAT_UNALIGNED, 0);
  }

  /** Writes a value whose pointer may be null, meaning that the caller does not want it. */
  static void putIntIfWanted(MemorySegment pointer, int value) {
    if (!isNull(pointer)) {
      putInt(pointer, value);
    }
  }

  /** Writes a value whose pointer may be null, meaning that the caller does not want it. */
  static void putLongIfWanted(MemorySegment pointer, long value) {
    if (!isNull(pointer)) {
      putLong(pointer, value);
    }
  }

  static long getLong(MemorySegment pointer, long index) {
    return at(pointer, (index + 1) * Long.BYTES).get(JAVA_LONG_UNALIGNED, index * Long.BYTES);
  }

  static int getInt(MemorySegment pointer, long index) {
    return at(pointer, (index + 1) * Integer.BYTES).get(JAVA_INT_UNALIGNED, index * Integer.BYTES);
  }

  /** The text at a pointer, up to its zero byte. */
  static String text(MemorySegment pointer) {
    return at(pointer, Long.MAX_VALUE).getString(0, StandardCharsets.UTF_8);
  }

  /** Writes text and a zero byte into a buffer, cut to its size. */
  static void putText(MemorySegment pointer, int capacity, @Nullable String text) {
    CudaFailure.require(capacity > 0);
    byte[] bytes = (text == null ? "" : text).getBytes(StandardCharsets.UTF_8);
    int length = Math.min(bytes.length, capacity - 1);
    MemorySegment buffer = at(pointer, capacity);
    MemorySegment.copy(bytes, 0, buffer, JAVA_BYTE, 0, length);
    buffer.set(JAVA_BYTE, length, (byte) 0);
  }
}
