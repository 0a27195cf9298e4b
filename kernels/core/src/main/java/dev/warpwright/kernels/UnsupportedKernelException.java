package dev.warpwright.kernels;

/**
 * The device has no implementation of a kernel for the requested options. There is never a silent
 * detour.
 */
public class UnsupportedKernelException extends UnsupportedOperationException {
  private static final long serialVersionUID = 1L;

  /**
   * Reports a kernel that {@code device} does not offer.
   *
   * @param device name of the device
   * @param kernel the kernel that was asked for
   * @param reason why it is not offered
   */
  public UnsupportedKernelException(String device, KernelId kernel, String reason) {
    super(kernel.stem() + " is not available on " + device + ": " + reason);
  }
}
