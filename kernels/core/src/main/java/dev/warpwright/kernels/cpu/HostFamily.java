package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;

/** One kernel family of a host device: says what it offers and makes plans. */
public abstract class HostFamily {
  private final HostDevice device;

  /** A family of {@code device}. */
  protected HostFamily(HostDevice device) {
    this.device = device;
  }

  /** The device. */
  protected final HostDevice device() {
    return device;
  }

  /** Whether a plan can be made for {@code spec}, or why not. */
  public abstract Support support(KernelSpec spec);

  /** Refuses a spec that is not offered, and a closed device. */
  protected final void require(KernelSpec spec) {
    device.requireOpen();
    Support support = support(spec);
    if (!support.supported()) {
      throw new UnsupportedKernelException(device.place(), spec.kernel(), support.reason());
    }
  }
}
