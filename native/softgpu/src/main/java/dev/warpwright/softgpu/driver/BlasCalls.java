package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Gemm.Matrix;
import dev.warpwright.softgpu.driver.Graph.Kind;
import dev.warpwright.softgpu.sim.DeviceMemory;
import dev.warpwright.softgpu.sim.SimFault;
import java.lang.foreign.MemorySegment;

/** cuBLAS: handles, and products of dense matrices. */
final class BlasCalls {
  /** What a caller has set for its products. */
  private static final class Handle {
    final Context context;
    long stream;

    /** The caller's own, or 0: the library's pool. */
    long workspace;

    int pointerMode;
    int mathMode;

    Handle(Context context) {
      this.context = context;
    }
  }

  private static final int VERSION = 120_600;
  private static final int WORKSPACE_ALIGNMENT = 256;
  private static final int POINTERS_TO_HOST = 0;
  private static final int POINTERS_TO_DEVICE = 1;

  /** Default, tensor cores, pedantic, TF32, and the flag against reduced precision in sums. */
  private static final int MATH_MODES = 0x3;

  private static final int MATH_FLAG = 0x10;

  private final Driver driver;

  BlasCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cublasCreate_v2")
  void create(MemorySegment handle) {
    Context context = driver.context();
    CMemory.at(handle, Long.BYTES);
    CMemory.putLong(handle, driver.handles().add(new Handle(context)));
  }

  /** Waits for the device, as documented. */
  @CudaEntry("cublasDestroy_v2")
  void destroy(long handle) {
    handle(handle).context.synchronise();
    driver.handles().remove(handle);
  }

  @CudaEntry("cublasGetVersion_v2")
  void getVersion(long handle, MemorySegment version) {
    CMemory.putInt(version, VERSION);
  }

  /** Takes the library's own workspace again, as documented. */
  @CudaEntry("cublasSetStream_v2")
  void setStream(long handle, long stream) {
    Handle changed = handle(handle);
    driver.stream(stream);
    changed.stream = stream;
    changed.workspace = 0;
  }

  @CudaEntry("cublasSetWorkspace_v2")
  void setWorkspace(long handle, long workspace, long bytes) {
    Handle changed = handle(handle);
    CudaFailure.require(workspace % WORKSPACE_ALIGNMENT == 0 && bytes >= WORKSPACE_ALIGNMENT);
    CudaFailure.require(driver.deviceOf(workspace, bytes) == changed.context.device());
    changed.workspace = workspace;
  }

  @CudaEntry("cublasGetStream_v2")
  void getStream(long handle, MemorySegment stream) {
    CMemory.putLong(stream, handle(handle).stream);
  }

  @CudaEntry("cublasSetPointerMode_v2")
  void setPointerMode(long handle, int mode) {
    Handle changed = handle(handle);
    CudaFailure.require(mode == POINTERS_TO_HOST || mode == POINTERS_TO_DEVICE);
    changed.pointerMode = mode;
  }

  @CudaEntry("cublasGetPointerMode_v2")
  void getPointerMode(long handle, MemorySegment mode) {
    CMemory.putInt(mode, handle(handle).pointerMode);
  }

  @CudaEntry("cublasSetMathMode")
  void setMathMode(long handle, int mode) {
    Handle changed = handle(handle);
    CudaFailure.require((mode & ~(MATH_MODES | MATH_FLAG)) == 0);
    changed.mathMode = mode;
  }

  @CudaEntry("cublasGetMathMode")
  void getMathMode(long handle, MemorySegment mode) {
    CMemory.putInt(mode, handle(handle).mathMode);
  }

  @CudaEntry("cublasSgemm_v2")
  void sgemm(
      long handle,
      int transA,
      int transB,
      int m,
      int n,
      int k,
      MemorySegment alpha,
      long a,
      int lda,
      long b,
      int ldb,
      MemorySegment beta,
      long c,
      int ldc) {
    int type = BlasType.F32.code();
    gemmEx(
        handle,
        transA,
        transB,
        m,
        n,
        k,
        alpha,
        a,
        type,
        lda,
        b,
        type,
        ldb,
        beta,
        c,
        type,
        ldc,
        Gemm.COMPUTE_32F,
        0);
  }

  @CudaEntry("cublasGemmEx")
  void gemmEx(
      long handle,
      int transA,
      int transB,
      int m,
      int n,
      int k,
      MemorySegment alpha,
      long a,
      int typeA,
      int lda,
      long b,
      int typeB,
      int ldb,
      MemorySegment beta,
      long c,
      int typeC,
      int ldc,
      int compute,
      int algorithm) {
    gemmStridedBatchedEx(
        handle, transA, transB, m, n, k, alpha, a, typeA, lda, 0, b, typeB, ldb, 0, beta, c, typeC,
        ldc, 0, 1, compute, algorithm);
  }

  @CudaEntry("cublasGemmStridedBatchedEx")
  void gemmStridedBatchedEx(
      long handle,
      int transA,
      int transB,
      int m,
      int n,
      int k,
      MemorySegment alpha,
      long a,
      int typeA,
      int lda,
      long strideA,
      long b,
      int typeB,
      int ldb,
      long strideB,
      MemorySegment beta,
      long c,
      int typeC,
      int ldc,
      long strideC,
      int batch,
      int compute,
      int algorithm) {
    Handle used = handle(handle);
    CudaFailure.require(m >= 0 && n >= 0 && k >= 0 && batch >= 0);
    CudaFailure.require(!CMemory.isNull(alpha) && !CMemory.isNull(beta));
    Gemm gemm =
        new Gemm(
            "cublasGemm",
            m,
            n,
            k,
            Matrix.operand(a, typeA, transA, m, k, lda, strideA),
            Matrix.operand(b, typeB, transB, k, n, ldb, strideB),
            Matrix.result(c, typeC, m, n, ldc, strideC),
            batch);
    gemm.requireSupported(compute);
    CudaStream stream = driver.stream(used.stream);
    CudaFailure.require(stream.context() == used.context, CudaResult.INVALID_CONTEXT);
    Device device = used.context.device();
    if (used.pointerMode == POINTERS_TO_HOST) {
      float alphaNow = CMemory.getFloat(alpha);
      float betaNow = CMemory.getFloat(beta);
      submit(used, stream, () -> gemm.run(device.memory(), alphaNow, betaNow));
    } else {
      submit(
          used,
          stream,
          () ->
              gemm.run(
                  device.memory(),
                  gemm.scalar(device.memory(), alpha.address()),
                  gemm.scalar(device.memory(), beta.address())));
    }
  }

  private void submit(Handle handle, CudaStream stream, Runnable product) {
    DeviceMemory memory = handle.context.device().memory();
    long workspace = handle.workspace;
    handle.context.submit(
        stream,
        Kind.KERNEL,
        () -> {
          try {
            if (workspace != 0) {
              use(memory, workspace);
            }
            product.run();
          } catch (SimFault e) {
            driver.found(e);
            throw new LaunchFailure(
                e.kind() == SimFault.Kind.UNINITIALISED
                    ? CudaResult.LAUNCH_FAILED
                    : CudaResult.ILLEGAL_ADDRESS,
                true);
          }
        });
  }

  /** Writes into the workspace: who frees it too early, or keeps something there, is found. */
  private static void use(DeviceMemory memory, long workspace) {
    memory.checkLibrary("cublasGemm", workspace, WORKSPACE_ALIGNMENT, false);
    memory.fill(workspace, -1, 1, WORKSPACE_ALIGNMENT);
  }

  private Handle handle(long handle) {
    return driver.handles().get(handle, Handle.class, CudaResult.NOT_INITIALIZED);
  }
}
