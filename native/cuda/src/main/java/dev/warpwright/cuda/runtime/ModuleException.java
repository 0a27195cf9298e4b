package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.DeviceException;

/** Kernels that cannot be loaded on a device; the message says why and what to do. */
public final class ModuleException extends DeviceException {
  private static final long serialVersionUID = 1L;

  private final String detail;

  ModuleException(String code, String call, String detail) {
    super(code, call, "", false);
    this.detail = detail;
  }

  /** What the compiler of the driver wrote, or what is missing. */
  public String detail() {
    return detail;
  }

  @Override
  public String getMessage() {
    return super.getMessage() + ": " + detail;
  }
}
