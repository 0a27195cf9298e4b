package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** The options of a module load: where the compiler's messages go. */
final class JitOptions {
  private static final int INFO_LOG = 3;
  private static final int INFO_LOG_BYTES = 4;
  private static final int ERROR_LOG = 5;
  private static final int ERROR_LOG_BYTES = 6;
  private static final int LAST_KNOWN = 40;

  private final MemorySegment values;
  private final Map<Integer, Integer> positions = new HashMap<>();

  private JitOptions(MemorySegment values) {
    this.values = values;
  }

  static JitOptions read(int count, MemorySegment options, MemorySegment values) {
    CudaFailure.require(count >= 0);
    JitOptions jit = new JitOptions(values);
    for (int i = 0; i < count; i++) {
      int option = CMemory.getInt(options, i);
      CudaFailure.require(option >= 0 && option < LAST_KNOWN, CudaResult.INVALID_VALUE);
      jit.positions.put(option, i);
    }
    jit.log(INFO_LOG, INFO_LOG_BYTES, "");
    return jit;
  }

  void error(String message) {
    log(ERROR_LOG, ERROR_LOG_BYTES, message);
  }

  /** Writes the text and, over the size that was given, how much was written. */
  private void log(int buffer, int size, String message) {
    Integer at = positions.get(buffer);
    Integer sizeAt = positions.get(size);
    if (at == null || sizeAt == null) {
      return;
    }
    int capacity = (int) CMemory.getLong(values, sizeAt);
    CMemory.putText(MemorySegment.ofAddress(CMemory.getLong(values, at)), capacity, message);
    int written = Math.min(message.length() + 1, capacity);
    CMemory.putLong(MemorySegment.ofAddress(values.address() + 8L * sizeAt), written);
  }
}
