package dev.warpwright.kernels;

import java.lang.foreign.Arena;

/**
 * A tensor in native host memory: what devices of the host allocate, and, whatever the backend,
 * what is also worked on between the kernels. Counted like the memory of a device.
 */
public final class HostTensor implements DeviceTensor {
  private final Arena arena = Arena.ofShared();
  private final Tensor tensor;
  private final LeakDetector.Registration watch;
  private boolean closed;

  /** Zeroed memory, aligned to 64 bytes. */
  @SuppressWarnings("this-escape") // the registration keeps only a weak reference
  public HostTensor(DType dtype, long... shape) {
    tensor = Tensor.allocate(arena, dtype, shape);
    watch = LeakDetector.register(this, "tensor " + tensor, tensor.bytes());
  }

  @Override
  public Tensor tensor() {
    return tensor;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      watch.close();
      arena.close();
    }
  }
}
