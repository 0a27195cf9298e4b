package dev.warpwright.kernels;

/** A call into a device failed. The caller's inputs are intact. */
public class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String code;
  private final String call;
  private final String kernel;
  private final boolean sticky;

  /**
   * Reports a failed device call.
   *
   * @param code the device's own name of the error
   * @param call the device call that reported it
   * @param kernel stem of the kernel, or an empty text when none was involved
   * @param sticky whether the device is lost: every later call on it will fail too
   */
  public DeviceException(String code, String call, String kernel, boolean sticky) {
    super(
        code
            + " in "
            + call
            + (kernel.isEmpty() ? "" : " of kernel " + kernel)
            + (sticky ? "; the device is lost: close it and open it again" : ""));
    this.code = code;
    this.call = call;
    this.kernel = kernel;
    this.sticky = sticky;
  }

  /** The device's own name of the error. */
  public String code() {
    return code;
  }

  /** The device call that reported the error. */
  public String call() {
    return call;
  }

  /** Stem of the kernel that was involved, or an empty text. */
  public String kernel() {
    return kernel;
  }

  /** Whether the device is lost. */
  public boolean sticky() {
    return sticky;
  }
}
