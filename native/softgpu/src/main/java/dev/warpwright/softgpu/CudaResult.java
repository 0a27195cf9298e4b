package dev.warpwright.softgpu;

import org.jspecify.annotations.Nullable;

/**
 * Results of the CUDA driver API that the software GPU knows, with the driver's numbers and texts.
 */
public enum CudaResult {
  /** The call succeeded. */
  SUCCESS(0, "no error"),
  /** Invalid argument. */
  INVALID_VALUE(1, "invalid argument"),
  /** Out of memory. */
  OUT_OF_MEMORY(2, "out of memory"),
  /** Initialization error. */
  NOT_INITIALIZED(3, "initialization error"),
  /** Driver shutting down. */
  DEINITIALIZED(4, "driver shutting down"),
  /** CUDA driver is a stub library. */
  STUB_LIBRARY(34, "CUDA driver is a stub library"),
  /** CUDA-capable device(s) is/are busy or unavailable. */
  DEVICE_UNAVAILABLE(46, "CUDA-capable device(s) is/are busy or unavailable"),
  /** No CUDA-capable device is detected. */
  NO_DEVICE(100, "no CUDA-capable device is detected"),
  /** Invalid device ordinal. */
  INVALID_DEVICE(101, "invalid device ordinal"),
  /** Device kernel image is invalid. */
  INVALID_IMAGE(200, "device kernel image is invalid"),
  /** Invalid device context. */
  INVALID_CONTEXT(201, "invalid device context"),
  /** No kernel image is available for execution on the device. */
  NO_BINARY_FOR_GPU(209, "no kernel image is available for execution on the device"),
  /** Uncorrectable ECC error encountered. */
  ECC_UNCORRECTABLE(214, "uncorrectable ECC error encountered"),
  /** Limit is not supported on this architecture. */
  UNSUPPORTED_LIMIT(215, "limit is not supported on this architecture"),
  /** Peer access is not supported between these two devices. */
  PEER_ACCESS_UNSUPPORTED(217, "peer access is not supported between these two devices"),
  /** A PTX JIT compilation failed. */
  INVALID_PTX(218, "a PTX JIT compilation failed"),
  /** The provided PTX was compiled with an unsupported toolchain. */
  UNSUPPORTED_PTX_VERSION(222, "the provided PTX was compiled with an unsupported toolchain."),
  /** File not found. */
  FILE_NOT_FOUND(301, "file not found"),
  /** Invalid resource handle. */
  INVALID_HANDLE(400, "invalid resource handle"),
  /** The operation cannot be performed in the present state. */
  ILLEGAL_STATE(401, "the operation cannot be performed in the present state"),
  /** Named symbol not found. */
  NOT_FOUND(500, "named symbol not found"),
  /** Device not ready. */
  NOT_READY(600, "device not ready"),
  /** An illegal memory access was encountered. */
  ILLEGAL_ADDRESS(700, "an illegal memory access was encountered"),
  /** Too many resources requested for launch. */
  LAUNCH_OUT_OF_RESOURCES(701, "too many resources requested for launch"),
  /** The launch timed out and was terminated. */
  LAUNCH_TIMEOUT(702, "the launch timed out and was terminated"),
  /** Peer access is already enabled. */
  PEER_ACCESS_ALREADY_ENABLED(704, "peer access is already enabled"),
  /** Peer access has not been enabled. */
  PEER_ACCESS_NOT_ENABLED(705, "peer access has not been enabled"),
  /** Cannot set while device is active in this process. */
  PRIMARY_CONTEXT_ACTIVE(708, "cannot set while device is active in this process"),
  /** Context is destroyed. */
  CONTEXT_IS_DESTROYED(709, "context is destroyed"),
  /** Device-side assert triggered. */
  ASSERT(710, "device-side assert triggered"),
  /** Part or all of the requested memory range is already mapped. */
  HOST_MEMORY_ALREADY_REGISTERED(
      712, "part or all of the requested memory range is already mapped"),
  /** Pointer does not correspond to a registered memory region. */
  HOST_MEMORY_NOT_REGISTERED(713, "pointer does not correspond to a registered memory region"),
  /** Hardware stack error. */
  HARDWARE_STACK_ERROR(714, "hardware stack error"),
  /** An illegal instruction was encountered. */
  ILLEGAL_INSTRUCTION(715, "an illegal instruction was encountered"),
  /** Misaligned address. */
  MISALIGNED_ADDRESS(716, "misaligned address"),
  /** Operation not supported on global/shared address space. */
  INVALID_ADDRESS_SPACE(717, "operation not supported on global/shared address space"),
  /** Invalid program counter. */
  INVALID_PC(718, "invalid program counter"),
  /** Unspecified launch failure. */
  LAUNCH_FAILED(719, "unspecified launch failure"),
  /** Too many blocks in cooperative launch. */
  COOPERATIVE_LAUNCH_TOO_LARGE(720, "too many blocks in cooperative launch"),
  /** Operation not supported. */
  NOT_SUPPORTED(801, "operation not supported"),
  /** System not yet initialized. */
  SYSTEM_NOT_READY(802, "system not yet initialized"),
  /** System has unsupported display driver / cuda driver combination. */
  SYSTEM_DRIVER_MISMATCH(803, "system has unsupported display driver / cuda driver combination"),
  /** Operation not permitted when stream is capturing. */
  STREAM_CAPTURE_UNSUPPORTED(900, "operation not permitted when stream is capturing"),
  /** Operation failed due to a previous error during capture. */
  STREAM_CAPTURE_INVALIDATED(901, "operation failed due to a previous error during capture"),
  /** Capture was not ended in the same stream as it began. */
  STREAM_CAPTURE_UNMATCHED(903, "capture was not ended in the same stream as it began"),
  /** Two captures would become one. */
  STREAM_CAPTURE_MERGE(902, "operation would result in a merge of separate capture sequences"),
  /** Capturing stream has unjoined work. */
  STREAM_CAPTURE_UNJOINED(904, "capturing stream has unjoined work"),
  /** A captured operation would depend on work outside of the capture. */
  STREAM_CAPTURE_ISOLATION(905, "dependency created on uncaptured work in another stream"),
  /** Operation would make the legacy stream depend on a capturing blocking stream. */
  STREAM_CAPTURE_IMPLICIT(
      906, "operation would make the legacy stream depend on a capturing blocking stream"),
  /** Operation not permitted on an event last recorded in a capturing stream. */
  CAPTURED_EVENT(907, "operation not permitted on an event last recorded in a capturing stream"),
  /** The capture was begun in another thread. */
  STREAM_CAPTURE_WRONG_THREAD(
      908, "attempt to terminate a thread-local capture sequence from another thread"),
  /** Unknown error. */
  UNKNOWN(999, "unknown error");

  private final int code;
  private final String text;

  CudaResult(int code, String text) {
    this.code = code;
    this.text = text;
  }

  /** The driver's number. */
  public int code() {
    return code;
  }

  /** The driver's name, as {@code CUDA_ERROR_INVALID_VALUE}. */
  public String fullName() {
    return this == SUCCESS ? "CUDA_SUCCESS" : "CUDA_ERROR_" + name();
  }

  /** The driver's short description. */
  public String text() {
    return text;
  }

  /**
   * Whether the driver documents that a context is unusable after this result, until it is
   * destroyed.
   */
  public boolean endsContext() {
    return switch (this) {
      case ECC_UNCORRECTABLE,
          ILLEGAL_ADDRESS,
          LAUNCH_TIMEOUT,
          ASSERT,
          HARDWARE_STACK_ERROR,
          ILLEGAL_INSTRUCTION,
          MISALIGNED_ADDRESS,
          INVALID_ADDRESS_SPACE,
          INVALID_PC,
          LAUNCH_FAILED ->
          true;
      default -> false;
    };
  }

  /** The result with this number, or null. */
  public static @Nullable CudaResult of(int code) {
    for (CudaResult result : values()) {
      if (result.code == code) {
        return result;
      }
    }
    return null;
  }
}
