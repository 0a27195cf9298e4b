package dev.warpwright.softgpu.driver;

import java.lang.foreign.MemorySegment;

/** Reads the C structure {@code CUDA_KERNEL_NODE_PARAMS}. */
final class KernelNode {
  private static final int FUNCTION = 0;
  private static final int SIZES = 8;
  private static final int SHARED = SIZES + 6 * Integer.BYTES;
  private static final int PARAMETERS = SHARED + 2 * Integer.BYTES;
  private static final int EXTRA = PARAMETERS + Long.BYTES;

  private KernelNode() {}

  /** The launch that the structure describes; arguments are copied now. */
  static Runnable read(Driver driver, MemorySegment structure) {
    return new LaunchCalls(driver)
        .prepare(
            CMemory.getLong(structure, FUNCTION),
            size(structure, 0),
            size(structure, 1),
            size(structure, 2),
            size(structure, 3),
            size(structure, 4),
            size(structure, 5),
            CMemory.getInt(structure, SHARED / Integer.BYTES),
            pointer(structure, PARAMETERS),
            pointer(structure, EXTRA));
  }

  private static int size(MemorySegment structure, int index) {
    return CMemory.getInt(structure, SIZES / Integer.BYTES + index);
  }

  private static MemorySegment pointer(MemorySegment structure, int offset) {
    return MemorySegment.ofAddress(CMemory.getLong(structure, offset / Long.BYTES));
  }
}
