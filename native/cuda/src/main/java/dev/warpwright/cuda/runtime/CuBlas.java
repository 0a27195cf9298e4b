package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.ProviderUnavailableException;
import dev.warpwright.kernels.Resource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.jspecify.annotations.Nullable;

/**
 * Products of F32 matrices by NVIDIA's library, in one stream. Products and sums are F32: the
 * library is asked for no TF32 and no other shortcut. The order of the sums is its own and may
 * change with the device, the library's version and the shape; one shape has the same bits in every
 * run. Not for several threads at a time.
 */
public final class CuBlas implements Resource {
  /** What the library takes for itself, as its documentation says: with less it has fewer ways. */
  private static final long WORKSPACE = 4L << 20;

  private static final long WORKSPACE_FROM_HOPPER = 32L << 20;
  private static final int HOPPER = 90;

  private final CudaDevice device;
  private final cublasHandle handle;

  /** The library's own is not for graphs, and lets streams change each other's results. */
  private final DeviceBuffer workspace;

  private final String version;

  /** Factors of the product and of what is in the output, in native memory. */
  private final Pointer one;

  private final Pointer zero;
  private final LeakDetector.Registration registration;
  private boolean closed;

  private CuBlas(CudaDevice device, cublasHandle handle, DeviceBuffer workspace, int version) {
    this.device = device;
    this.handle = handle;
    this.workspace = workspace;
    this.version = version / 10_000 + "." + version / 100 % 100 + "." + version % 100;
    ByteBuffer scalars = ByteBuffer.allocateDirect(2 * Float.BYTES).order(ByteOrder.nativeOrder());
    scalars.putFloat(0, 1);
    scalars.putFloat(Float.BYTES, 0);
    one = Pointer.to(scalars);
    zero = one.withByteOffset(Float.BYTES);
    registration = LeakDetector.register(this, "cuBLAS handle", 0);
  }

  /** Loads JCublas once; see {@link CudaDriver} for why it must be once. */
  private static final class Loading {
    static final @Nullable String FAILURE = load();

    private static @Nullable String load() {
      try {
        JCublas2.initialize();
        return null;
      } catch (LinkageError e) {
        return reason(e);
      }
    }
  }

  static String reason(LinkageError e) {
    String message = String.valueOf(e.getMessage());
    if (message.contains("undefined symbol") || message.contains("not found (required by")) {
      return "the libcublas.so.12 that is installed is older than CUDA 12.6, which JCublas 12.6"
          + " needs: update it";
    }
    if (message.contains("libcublas") || message.contains("cublas64")) {
      return "libcublas.so.12 (cublas64_12.dll on Windows) was not found. JCublas 12.6 needs the"
          + " cuBLAS of CUDA 12; CUDA 13 ships libcublas.so.13, which does not replace it. Install"
          + " the CUDA 12 libraries beside it and put them on LD_LIBRARY_PATH";
    }
    return "JCublas has no native library that works here: "
        + message.lines().findFirst().orElse("");
  }

  /** Why cuBLAS cannot be used, in words, or null. */
  public static @Nullable String unavailable() {
    return Loading.FAILURE;
  }

  /**
   * Opens the library for a stream.
   *
   * @throws ProviderUnavailableException with the reason, if it is not installed
   * @throws DeviceException if it does not start
   * @throws dev.warpwright.kernels.OutOfDeviceMemoryException if there is no room for its workspace
   */
  public static CuBlas open(CudaStream stream) {
    String reason = unavailable();
    if (reason != null) {
      throw new ProviderUnavailableException("cuBLAS", List.of(reason));
    }
    CudaDevice device = stream.device();
    device.makeCurrent();
    cublasHandle handle = new cublasHandle();
    check(JCublas2.cublasCreate(handle), "cublasCreate", "");
    DeviceBuffer workspace = null;
    try {
      workspace = device.allocate(workspaceBytes(device), "cuBLAS");
      // In this order: setting a stream takes the library's own workspace again.
      check(
          JCublas2.cublasSetStream(handle, new cudaStream_t(stream.handle())),
          "cublasSetStream",
          "");
      check(
          JCublas2.cublasSetWorkspace(
              handle, NativePointers.device(workspace.address()), workspace.bytes()),
          "cublasSetWorkspace",
          "");
      int[] version = new int[1];
      check(JCublas2.cublasGetVersion(handle, version), "cublasGetVersion", "");
      return new CuBlas(device, handle, workspace, version[0]);
    } catch (RuntimeException e) {
      JCublas2.cublasDestroy(handle);
      if (workspace != null) {
        workspace.close();
      }
      throw e;
    }
  }

  private static long workspaceBytes(CudaDevice device) {
    return device.limits().architecture() >= HOPPER ? WORKSPACE_FROM_HOPPER : WORKSPACE;
  }

  /** The library's version, as {@code 12.6.0}. */
  public String version() {
    return version;
  }

  /**
   * Enqueues y = x wᵀ: y[i, j] = Σ over k of x[i, k] w[j, k], row-major.
   *
   * @param kernel for whom, in errors and for the flight recorder
   * @param rows rows of x and y
   * @param columns rows of w and columns of y
   * @param length length of the sums
   * @param x address of {@code [rows, length]}
   * @param w address of {@code [columns, length]}
   * @param stride elements from a row of w to the next
   * @param y address of {@code [rows, columns]}
   */
  public void linear(
      String kernel, int rows, int columns, int length, long x, long w, int stride, long y) {
    atLeast("rows", rows, 1);
    atLeast("columns", columns, 1);
    atLeast("length", length, 1);
    atLeast("stride", stride, length);
    requireOpen();
    device.makeCurrent();
    CudaLaunchEvent event = new CudaLaunchEvent();
    event.kernel = kernel + " by cuBLAS";
    event.device = device.ordinal();
    event.begin();
    // The library is column-major: what it sees of a row-major matrix is the transpose. So it is
    // asked for yᵀ = w xᵀ.
    int status =
        JCublas2.cublasGemmEx_new(
            handle,
            cublasOperation.CUBLAS_OP_T,
            cublasOperation.CUBLAS_OP_N,
            columns,
            rows,
            length,
            one,
            NativePointers.device(w),
            cudaDataType.CUDA_R_32F,
            stride,
            NativePointers.device(x),
            cudaDataType.CUDA_R_32F,
            length,
            zero,
            NativePointers.device(y),
            cudaDataType.CUDA_R_32F,
            columns,
            cublasComputeType.CUBLAS_COMPUTE_32F_PEDANTIC,
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    event.commit();
    check(status, "cublasGemmEx", kernel);
  }

  private static void atLeast(String argument, int value, int least) {
    if (value < least) {
      throw new InvalidArgumentException(argument, value, least + " or more");
    }
  }

  private static void check(int status, String call, String kernel) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new DeviceException(cublasStatus.stringFor(status), call, kernel, false);
    }
  }

  private synchronized void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the cuBLAS handle is closed");
    }
  }

  /** Waits for the device and gives the handle and its workspace back; idempotent. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    registration.close();
    try {
      if (device.isUsable()) {
        device.makeCurrent();
        check(JCublas2.cublasDestroy(handle), "cublasDestroy", "");
      }
    } finally {
      workspace.close();
    }
  }
}
