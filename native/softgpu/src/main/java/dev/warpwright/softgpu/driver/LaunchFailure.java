package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;

/** Queued work that failed while it was executed. */
final class LaunchFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final CudaResult result;
  private final boolean sticky;

  LaunchFailure(CudaResult result, boolean sticky) {
    super(result.fullName(), null, false, false);
    this.result = result;
    this.sticky = sticky;
  }

  CudaResult result() {
    return result;
  }

  boolean sticky() {
    return sticky;
  }
}
