package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;

/** Ends an entry point with a result other than success. */
final class CudaFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final CudaResult result;

  CudaFailure(CudaResult result) {
    super(result.fullName(), null, false, false);
    this.result = result;
  }

  CudaResult result() {
    return result;
  }

  /** Refuses an argument unless {@code holds}. */
  static void require(boolean holds) {
    require(holds, CudaResult.INVALID_VALUE);
  }

  /** Fails with {@code otherwise} unless {@code holds}. */
  static void require(boolean holds, CudaResult otherwise) {
    if (!holds) {
      throw new CudaFailure(otherwise);
    }
  }
}
