package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.kernels.Resource;
import org.jspecify.annotations.Nullable;

/** Device memory of a plan whose size follows the batches; it never shrinks. */
final class GrowingBuffer implements Resource {
  private final CudaKernelDevice device;
  private final String holder;
  private @Nullable DeviceBuffer buffer;

  /** No memory yet. */
  GrowingBuffer(CudaKernelDevice device, String holder) {
    this.device = device;
    this.holder = holder;
  }

  /**
   * Makes room for {@code bytes}. What was there is lost when the buffer has to grow, which it does
   * by half at least.
   *
   * @return whether it has grown
   */
  boolean reserve(long bytes) {
    long have = bytes();
    if (bytes <= have) {
      return false;
    }
    close();
    buffer = device.workspace(Math.max(bytes, have + have / 2), holder);
    return true;
  }

  /** Device address, or 0 when nothing was ever reserved. */
  long address() {
    DeviceBuffer memory = buffer;
    return memory == null ? 0 : memory.address();
  }

  /** The memory, which must have been reserved. */
  DeviceBuffer memory() {
    DeviceBuffer memory = buffer;
    if (memory == null) {
      throw new IllegalStateException("nothing is reserved for " + holder);
    }
    return memory;
  }

  /** Size. */
  long bytes() {
    DeviceBuffer memory = buffer;
    return memory == null ? 0 : memory.bytes();
  }

  @Override
  public void close() {
    DeviceBuffer memory = buffer;
    buffer = null;
    if (memory != null) {
      memory.close();
    }
  }
}
