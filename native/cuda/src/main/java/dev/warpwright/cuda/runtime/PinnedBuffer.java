package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Resource;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcuda.driver.JCudaDriver;

/** Host memory that the device copies from and to directly. */
public final class PinnedBuffer implements Resource {
  private final CudaDevice device;
  private final NativePointers.Host pointer = new NativePointers.Host();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment segment;
  private final LeakDetector.Registration registration;
  private boolean closed;

  PinnedBuffer(CudaDevice device, long bytes, String holder) {
    if (bytes < 1) {
      throw new InvalidArgumentException("bytes", bytes, "1 or more");
    }
    this.device = device;
    device.makeCurrent();
    device.check(
        JCudaDriver.cuMemHostAlloc(pointer, bytes, JCudaDriver.CU_MEMHOSTALLOC_PORTABLE),
        "cuMemHostAlloc");
    segment = MemorySegment.ofAddress(pointer.address()).reinterpret(bytes, arena, null);
    registration = LeakDetector.register(this, "pinned memory of " + holder, bytes);
  }

  /** The memory; unusable once the buffer is closed. */
  public MemorySegment segment() {
    return segment;
  }

  /** Frees the memory when all work that was enqueued before is done; idempotent. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    arena.close();
    registration.close();
    // The driver takes the memory back with the context.
    if (device.isUsable()) {
      device.makeCurrent();
      device.check(JCudaDriver.cuMemFreeHost(pointer), "cuMemFreeHost");
    }
  }
}
