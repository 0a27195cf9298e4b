package dev.warpwright.cli.model;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.Arena;

/**
 * A tensor in host memory, whatever the backend: for what is also worked on between the kernels.
 * Counted like the memory of a device.
 */
public final class HostTensor implements DeviceTensor {
  private final Arena arena = Arena.ofShared();
  private final Tensor tensor;
  private final LeakDetector.Registration watch;
  private boolean closed;

  /** Zeroed memory. */
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
