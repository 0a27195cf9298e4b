package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Resource;

/**
 * A weight matrix in a provider's own layout, on one device. May be shared by plans and threads.
 */
public abstract class PreparedMatrix implements Resource {
  private final KernelDevice device;
  private final int rows;
  private final int columns;
  private final WeightFormat format;
  private final LeakDetector.Registration registration;
  private boolean closed;

  /** A copy of {@code matrix} that holds {@code bytes} on {@code device}. */
  @SuppressWarnings("this-escape") // the registration keeps only a weak reference
  protected PreparedMatrix(KernelDevice device, WeightMatrix matrix, long bytes) {
    this.device = device;
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.format = matrix.format();
    this.registration = LeakDetector.register(this, "weights on " + device.place(), bytes);
  }

  /** The device that the weights are on. */
  public final KernelDevice device() {
    return device;
  }

  /** Output features. */
  public final int rows() {
    return rows;
  }

  /** Input features. */
  public final int columns() {
    return columns;
  }

  /** The canonical format that the weights came in. */
  public final WeightFormat format() {
    return format;
  }

  /** Memory that the weights hold on the device. */
  public final long bytes() {
    return registration.bytes();
  }

  /** Whether the weights may still be used. */
  public final synchronized boolean isOpen() {
    return !closed && device.isOpen();
  }

  /** Frees the memory; called once. */
  protected abstract void release();

  @Override
  public final void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    registration.close();
    release();
  }
}
