package dev.warpwright.cuda.runtime;

import jcuda.driver.CUresult;

/** Meaning of the driver's result codes. */
final class Results {
  private Results() {}

  static String name(int result) {
    return CUresult.stringFor(result);
  }

  /**
   * Whether the driver documents that the context cannot be used any more, or the device is gone.
   */
  static boolean losesDevice(int result) {
    return switch (result) {
      case CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE,
          CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED ->
          true;
      default -> false;
    };
  }
}
