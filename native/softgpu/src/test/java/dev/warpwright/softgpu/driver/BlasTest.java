package dev.warpwright.softgpu.driver;

import static jcuda.jcublas.JCublas2.*;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_N;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_T;
import static jcuda.jcublas.cublasPointerMode.CUBLAS_POINTER_MODE_DEVICE;
import static jcuda.jcublas.cublasStatus.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.softgpu.sim.SimFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasHandle;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The stand-in for cuBLAS through JCublas. */
@SoftGpuTest
class BlasTest {
  private static final String JCUBLAS_LIBRARY = "/lib/libJCublas2-12.6.0-linux-x86_64.so";
  private static final int M = 3;
  private static final int N = 4;
  private static final int K = 5;

  /** More than any matrix here has rows: the gaps must stay as they are. */
  private static final int LEADING = 7;

  private static final float ALPHA = 1.5f;
  private static final float BETA = -0.5f;
  private static final int FLOATS = LEADING * 6;

  private Machine m;
  private CUdeviceptr third;
  private final cublasHandle handle = new cublasHandle();
  private final ByteBuffer scalars = Machine.direct(8).putFloat(0, ALPHA).putFloat(4, BETA);
  private final Pointer alpha = Pointer.to(scalars);
  private final Pointer beta = alpha.withByteOffset(4);

  @BeforeEach
  void open() {
    m = new Machine();
    third = new CUdeviceptr();
    Machine.ok(JCudaDriver.cuMemAlloc(third, Machine.BYTES));
    Machine.ok(cublasCreate(handle));
  }

  @AfterEach
  void close() {
    cublasDestroy(handle);
    JCudaDriver.cuMemFree(third);
    JCudaDriver.cuMemFree(m.memory);
    JCudaDriver.cuMemFree(m.other);
  }

  private static float[] upload(CUdeviceptr to, long seed) {
    Random random = new Random(seed);
    float[] values = new float[FLOATS];
    ByteBuffer bytes = Machine.direct(4 * FLOATS);
    for (int i = 0; i < FLOATS; i++) {
      values[i] = random.nextFloat() - 0.5f;
      bytes.putFloat(4 * i, values[i]);
    }
    Machine.ok(JCudaDriver.cuMemcpyHtoD(to, Pointer.to(bytes), 4 * FLOATS));
    return values;
  }

  private static float[] download(CUdeviceptr from) {
    ByteBuffer bytes = Machine.direct(4 * FLOATS);
    Machine.ok(JCudaDriver.cuCtxSynchronize());
    Machine.ok(JCudaDriver.cuMemcpyDtoH(Pointer.to(bytes), from, 4 * FLOATS));
    float[] values = new float[FLOATS];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  private int sgemm(int transA, int transB, int lda, Pointer alphaAt, Pointer betaAt) {
    return cublasSgemm(
        handle, transA, transB, M, N, K, alphaAt, m.memory, lda, m.other, LEADING, betaAt, third,
        LEADING);
  }

  @Test
  void exportsWhatJcublasWants() throws IOException {
    try (InputStream in = JCublas2.class.getResourceAsStream(JCUBLAS_LIBRARY)) {
      assertNotNull(in, JCUBLAS_LIBRARY);
      List<String> wanted =
          ElfSymbols.undefined(in.readAllBytes()).stream()
              .filter(s -> s.startsWith("cublas"))
              .toList();
      assertEquals(wanted, Library.CUBLAS.symbols());
      assertEquals(494, wanted.size());
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 0, false", "0, 1, false", "1, 0, true", "1, 1, false", "2, 2, true"})
  void sgemmIsColumnMajor(int transA, int transB, boolean scalarsOnDevice) {
    float[] a = upload(m.memory, 1);
    float[] b = upload(m.other, 2);
    float[] c = upload(third, 3);
    CUdeviceptr onDevice = new CUdeviceptr();
    Machine.ok(JCudaDriver.cuMemAlloc(onDevice, 8));
    Machine.ok(JCudaDriver.cuMemcpyHtoD(onDevice, alpha, 8));
    if (scalarsOnDevice) {
      Machine.ok(cublasSetPointerMode(handle, CUBLAS_POINTER_MODE_DEVICE));
      Machine.ok(sgemm(transA, transB, LEADING, onDevice, onDevice.withByteOffset(4)));
    } else {
      Machine.ok(sgemm(transA, transB, LEADING, alpha, beta));
    }
    float[] got = download(third);
    Machine.ok(JCudaDriver.cuMemFree(onDevice));
    for (int i = 0; i < FLOATS; i++) {
      int row = i % LEADING;
      int column = i / LEADING;
      double expected = c[i];
      if (row < M && column < N) {
        double sum = 0;
        for (int k = 0; k < K; k++) {
          double left = transA == CUBLAS_OP_N ? a[k * LEADING + row] : a[row * LEADING + k];
          double right = transB == CUBLAS_OP_N ? b[column * LEADING + k] : b[k * LEADING + column];
          sum += left * right;
        }
        expected = ALPHA * sum + BETA * c[i];
      }
      assertEquals(expected, got[i], 1e-6, "element " + i); // five products below 1/4, in float
    }
  }

  /** As documented: C may be anything then, also NaN. */
  @Test
  void withBetaZeroTheOldResultIsNotRead() {
    upload(m.memory, 1);
    upload(m.other, 2);
    m.fill(third, -1); // NaN
    scalars.putFloat(4, 0);
    Machine.ok(sgemm(CUBLAS_OP_N, CUBLAS_OP_N, LEADING, alpha, beta));
    float[] got = download(third);
    assertEquals(false, Float.isNaN(got[0]));
    assertEquals(true, Float.isNaN(got[M]));
  }

  @Test
  void productsWaitForTheirTurnInTheStream() {
    upload(m.memory, 1);
    upload(m.other, 2);
    upload(third, 3);
    scalars.putFloat(0, 0);
    Machine.ok(cublasSetStream(handle, new cudaStream_t(m.stream)));
    cudaStream_t stream = new cudaStream_t();
    Machine.ok(cublasGetStream(handle, stream));
    assertEquals(new cudaStream_t(m.stream), stream);
    Machine.ok(JCudaDriver.cuMemsetD32Async(third, Float.floatToIntBits(8), FLOATS, m.stream));
    Machine.ok(sgemm(CUBLAS_OP_N, CUBLAS_OP_N, LEADING, alpha, beta));
    assertEquals(BETA * 8, download(third)[0]);
  }

  /** It is written to, so that one which is freed too early is noticed; a new stream forgets it. */
  @Test
  void aWorkspaceIsUsedUntilTheStreamIsSet(SoftGpu gpu) {
    CUdeviceptr workspace = new CUdeviceptr();
    Machine.ok(JCudaDriver.cuMemAlloc(workspace, 512));
    Machine.ok(cublasSetWorkspace(handle, workspace, 512));
    assertEquals(
        CUBLAS_STATUS_INVALID_VALUE, cublasSetWorkspace(handle, workspace.withByteOffset(4), 256));
    assertEquals(CUBLAS_STATUS_INVALID_VALUE, cublasSetWorkspace(handle, workspace, 513));
    upload(m.memory, 1);
    upload(m.other, 2);
    upload(third, 3);
    Machine.ok(sgemm(CUBLAS_OP_N, CUBLAS_OP_N, LEADING, alpha, beta));
    Machine.ok(JCudaDriver.cuMemcpyDtoH(Pointer.to(m.host), workspace, 256));
    assertEquals(-1, m.host.get(0));
    Machine.ok(JCudaDriver.cuMemFree(workspace));
    Machine.ok(cublasSetStream(handle, new cudaStream_t(m.stream)));
    Machine.ok(sgemm(CUBLAS_OP_N, CUBLAS_OP_N, LEADING, alpha, beta));
    Machine.ok(JCudaDriver.cuCtxSynchronize());
    assertEquals(List.of(), gpu.takeFindings());
  }

  @Test
  void aFreedWorkspaceIsFound(SoftGpu gpu) {
    CUdeviceptr workspace = new CUdeviceptr();
    Machine.ok(JCudaDriver.cuMemAlloc(workspace, 512));
    Machine.ok(cublasSetWorkspace(handle, workspace, 512));
    Machine.ok(JCudaDriver.cuMemFree(workspace));
    Machine.ok(sgemm(CUBLAS_OP_N, CUBLAS_OP_N, LEADING, alpha, beta));
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuCtxSynchronize());
    assertEquals(
        List.of(SimFault.Kind.USE_AFTER_FREE),
        gpu.takeFindings().stream().map(SimFault::kind).toList());
  }

  @Test
  void badArgumentsAreRefused() {
    assertEquals(CUBLAS_STATUS_INVALID_VALUE, sgemm(CUBLAS_OP_N, CUBLAS_OP_N, M - 1, alpha, beta));
    assertEquals(CUBLAS_STATUS_INVALID_VALUE, sgemm(CUBLAS_OP_T, CUBLAS_OP_N, K - 1, alpha, beta));
    assertEquals(CUBLAS_STATUS_INVALID_VALUE, sgemm(3, CUBLAS_OP_N, LEADING, alpha, beta));
    assertEquals(
        CUBLAS_STATUS_NOT_SUPPORTED, gemm(cudaDataType.CUDA_R_8I, cudaDataType.CUDA_R_32I));
    assertEquals(
        CUBLAS_STATUS_NOT_SUPPORTED, gemm(cudaDataType.CUDA_R_32F, cudaDataType.CUDA_R_16F));
    assertEquals(CUBLAS_STATUS_INVALID_VALUE, cublasSetPointerMode(handle, 2));
    assertEquals(CUBLAS_STATUS_INVALID_VALUE, cublasSetMathMode(handle, 4));
    Machine.ok(cublasSetMathMode(handle, 3));
    Machine.ok(cublasGetMathMode(handle, m.ints));
    assertEquals(3, m.ints[0]);
    Machine.ok(cublasGetPointerMode(handle, m.ints));
    assertEquals(0, m.ints[0]);
    Machine.ok(cublasGetVersion(handle, m.ints));
    assertEquals(120_600, m.ints[0]);
    cublasDestroy(handle);
    assertEquals(CUBLAS_STATUS_NOT_INITIALIZED, cublasDestroy(handle));
  }

  private int gemm(int in, int out) {
    return cublasGemmEx_new(
        handle,
        CUBLAS_OP_N,
        CUBLAS_OP_N,
        M,
        N,
        K,
        alpha,
        m.memory,
        in,
        LEADING,
        m.other,
        in,
        LEADING,
        beta,
        third,
        out,
        LEADING,
        cublasComputeType.CUBLAS_COMPUTE_32F,
        -1);
  }

  @Test
  void theRestIsNotSupported() {
    assertEquals(CUBLAS_STATUS_NOT_SUPPORTED, cublasSscal(handle, 1, alpha, m.memory, 1));
  }
}
