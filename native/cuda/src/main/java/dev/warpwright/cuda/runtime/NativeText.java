package dev.warpwright.cuda.runtime;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Text as C wants it. */
final class NativeText {
  private NativeText() {}

  /** The text up to the first zero byte. */
  static String of(byte[] bytes) {
    int length = 0;
    while (length < bytes.length && bytes[length] != 0) {
      length++;
    }
    return new String(bytes, 0, length, StandardCharsets.UTF_8);
  }

  /** The text up to the first zero byte. */
  static String of(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.capacity()];
    buffer.get(0, bytes);
    return of(bytes);
  }

  /** Native memory with the bytes and a zero byte behind them. */
  static ByteBuffer terminated(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length + 1).put(0, bytes);
  }
}
