package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.DType;
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
 * Products of dense matrices by NVIDIA's library, for plain products that no kernel of ours beats.
 * Elements are F32, F16 or BF16, sums are F32. The order of the sums is the library's own and may
 * change with the device, the library's version and the shape. Not for several threads at a time.
 */
public final class CuBlas implements Resource {
  private static final int SCALARS = 2;

  private final CudaDevice device;
  private final cublasHandle handle = new cublasHandle();

  /** Factors of the product and of what is in the output, in native memory. */
  private final Pointer one;

  private final Pointer zero;
  private final LeakDetector.Registration registration;
  private boolean closed;

  private CuBlas(CudaDevice device) {
    this.device = device;
    ByteBuffer scalars =
        ByteBuffer.allocateDirect(SCALARS * Float.BYTES).order(ByteOrder.nativeOrder());
    scalars.putFloat(0, 1);
    scalars.putFloat(Float.BYTES, 0);
    one = Pointer.to(scalars);
    zero = one.withByteOffset(Float.BYTES);
    device.makeCurrent();
    check(JCublas2.cublasCreate(handle), "cublasCreate");
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
   * Opens the library on a device.
   *
   * @throws ProviderUnavailableException with the reason, if it is not installed
   */
  public static CuBlas open(CudaDevice device) {
    String reason = unavailable();
    if (reason != null) {
      throw new ProviderUnavailableException("cuBLAS", List.of(reason));
    }
    return new CuBlas(device);
  }

  /**
   * A matrix in device memory, row-major without gaps.
   *
   * @param memory where
   * @param offset first byte
   * @param type of the elements: F32, F16 or BF16
   */
  public record Operand(DeviceBuffer memory, long offset, DType type) {
    private Pointer pointer() {
      return NativePointers.device(memory.address() + offset);
    }

    private int code() {
      return switch (type) {
        case F32 -> cudaDataType.CUDA_R_32F;
        case F16 -> cudaDataType.CUDA_R_16F;
        case BF16 -> cudaDataType.CUDA_R_16BF;
        default -> throw new InvalidArgumentException("type", type, "F32, F16 or BF16");
      };
    }

    private void require(String argument, long elements) {
      long bytes = Math.multiplyExact(elements, type == DType.F32 ? 4L : 2L);
      if (offset < 0 || bytes > memory.bytes() - offset) {
        throw new InvalidArgumentException(
            argument,
            bytes + " bytes from " + offset,
            "inside the buffer of " + memory.bytes() + " bytes");
      }
    }
  }

  /**
   * Enqueues y = x wᵀ: y[i, j] = Σ over k of x[i, k] w[j, k].
   *
   * @param stream where to enqueue
   * @param rows rows of x and y
   * @param columns rows of w and columns of y
   * @param length length of the sums
   * @param x left operand, {@code [rows, length]}
   * @param w right operand, {@code [columns, length]}, of the same type
   * @param y result, {@code [rows, columns]}, of the same type or F32
   */
  public void linear(
      CudaStream stream, int rows, int columns, int length, Operand x, Operand w, Operand y) {
    linear(stream, 1, rows, columns, length, x, w, y);
  }

  /** {@link #linear} for {@code batch} matrices that lie one after the other in each operand. */
  public void linear(
      CudaStream stream,
      int batch,
      int rows,
      int columns,
      int length,
      Operand x,
      Operand w,
      Operand y) {
    positive("batch", batch);
    positive("rows", rows);
    positive("columns", columns);
    positive("length", length);
    long sizeX = (long) rows * length;
    long sizeW = (long) columns * length;
    long sizeY = (long) rows * columns;
    x.require("x", Math.multiplyExact(batch, sizeX));
    w.require("w", Math.multiplyExact(batch, sizeW));
    y.require("y", Math.multiplyExact(batch, sizeY));
    if (x.type != w.type) {
      throw new InvalidArgumentException("w", w.type, x.type + ", the type of x");
    }
    if (y.type != x.type && y.type != DType.F32) {
      throw new InvalidArgumentException("y", y.type, x.type + " (the type of x) or F32");
    }
    requireOpen();
    device.makeCurrent();
    check(JCublas2.cublasSetStream(handle, new cudaStream_t(stream.handle())), "cublasSetStream");
    // The library is column-major: what it sees of a row-major matrix is the transpose. So it is
    // asked for yᵀ = w xᵀ.
    check(
        JCublas2.cublasGemmStridedBatchedEx_new(
            handle,
            cublasOperation.CUBLAS_OP_T,
            cublasOperation.CUBLAS_OP_N,
            columns,
            rows,
            length,
            one,
            w.pointer(),
            w.code(),
            length,
            sizeW,
            x.pointer(),
            x.code(),
            length,
            sizeX,
            zero,
            y.pointer(),
            y.code(),
            columns,
            sizeY,
            batch,
            cublasComputeType.CUBLAS_COMPUTE_32F,
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT),
        "cublasGemmStridedBatchedEx");
  }

  private static void positive(String argument, int value) {
    if (value < 1) {
      throw new InvalidArgumentException(argument, value, "1 or more");
    }
  }

  private static void check(int status, String call) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new DeviceException(cublasStatus.stringFor(status), call, "", false);
    }
  }

  private synchronized void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the cuBLAS handle is closed");
    }
  }

  /** Waits for the device and gives the handle back; idempotent. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    registration.close();
    if (device.isUsable()) {
      device.makeCurrent();
      check(JCublas2.cublasDestroy(handle), "cublasDestroy");
    }
  }
}
