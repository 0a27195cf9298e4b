package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.sparse.WeightFormat;

/**
 * The experts' matrices in a provider's own layout, on one device. May be shared by plans and
 * threads.
 */
public abstract class PreparedExperts implements Resource {
  private final KernelDevice device;
  private final int experts;
  private final int outputs;
  private final int inputs;
  private final boolean gated;
  private final WeightFormat format;
  private final LeakDetector.Registration registration;
  private boolean closed;

  /** A copy of {@code weights} that holds {@code bytes} on {@code device}. */
  @SuppressWarnings("this-escape") // the registration keeps only a weak reference
  protected PreparedExperts(KernelDevice device, ExpertWeights weights, long bytes) {
    this.device = device;
    this.experts = weights.experts();
    this.outputs = weights.outputs();
    this.inputs = weights.inputs();
    this.gated = weights.isGated();
    this.format = weights.format();
    this.registration = LeakDetector.register(this, "experts on " + device.place(), bytes);
  }

  /** The device that the weights are on. */
  public final KernelDevice device() {
    return device;
  }

  /** Number of experts. */
  public final int experts() {
    return experts;
  }

  /** Output features of an expert. */
  public final int outputs() {
    return outputs;
  }

  /** Input features of an expert. */
  public final int inputs() {
    return inputs;
  }

  /** Whether there are up matrices. */
  public final boolean isGated() {
    return gated;
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
