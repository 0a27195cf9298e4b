package dev.warpwright.cuda.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CapturedRuns;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaProvider;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.OutOfDeviceMemoryException;
import dev.warpwright.kernels.ProviderUnavailableException;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.VendorLibrary;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When cuBLAS multiplies, what is said of it, and what happens where it does not work. */
@CudaTest
class MatmulCuBlasTest {
  private static final String GEMM = "cublasGemmEx";
  private static final float[] X = {1, 2, 3, 4, 5, 6};
  private static final float[] Y = {1 * 1 + 2 * 3 + 3 * 5, 4 * 1 + 5 * 3 + 6 * 5};

  private static CudaKernelDevice open(VendorLibrary use) {
    return (CudaKernelDevice)
        new CudaProvider().open(OpenOptions.defaults().withVendorLibrary(use));
  }

  private static DenseMatrix weights() {
    return new DenseMatrix(Tensor.wrap(new float[] {1, 3, 5}, 1, 3));
  }

  /** X by the weights. */
  private static float[] multiply(KernelDevice device) {
    float[] y = new float[2];
    try (PreparedMatrix w = device.sparse().prepare(weights());
        MatrixProduct plan = device.sparse().product(MatrixProductSpec.of(2, weights()))) {
      plan.run(w, Tensor.wrap(X, 2, 3), Tensor.wrap(y, 2, 1));
    }
    return y;
  }

  private static Support support(KernelDevice device, WeightFormat format) {
    return device.support(new MatrixProductSpec(1, 1, 32, format));
  }

  @Test
  void isUsedOnlyWhenItIsAskedFor(SoftGpu gpu) {
    try (KernelDevice device = open(OpenOptions.defaults().vendorLibrary())) {
      assertArrayEquals(Y, multiply(device));
      assertEquals(0, gpu.faults().calls("cublasCreate_v2"));
      assertEquals("Software GPU (H100)", device.name());
    }
    try (KernelDevice device = open(VendorLibrary.AUTO)) {
      assertArrayEquals(Y, multiply(device));
      assertEquals(1, gpu.faults().calls(GEMM));
      assertEquals("Software GPU (H100), F32 products by cuBLAS 12.6.0", device.name());
    }
  }

  @Test
  void otherTypesAreOursOrRefused() {
    WeightFormat f16 = new WeightFormat.Dense(DType.F16);
    WeightFormat codes = new WeightFormat.Quant(Grouping.w4(32));
    try (KernelDevice device = open(VendorLibrary.AUTO)) {
      assertEquals(Support.yes(), support(device, f16));
    }
    try (KernelDevice device = open(VendorLibrary.REQUIRED)) {
      assertEquals(Support.no(MatmulCuBlas.F32_ONLY), support(device, f16));
      assertEquals(Support.yes(), support(device, new WeightFormat.Dense(DType.F32)));
      assertEquals(Support.yes(), support(device, codes));
    }
  }

  /** Whatever does not start is said, and either ours is used or the device is refused. */
  @ParameterizedTest
  @ValueSource(strings = {"cublasCreate_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2"})
  void saysWhyItDoesNotStart(String call, SoftGpu gpu) {
    final long accounted = MemoryAccount.live();
    String why = "CUBLAS_STATUS_ALLOC_FAILED in " + call.replace("_v2", "");
    gpu.faults().failCall(call, 1, CudaResult.OUT_OF_MEMORY);
    try (KernelDevice device = open(VendorLibrary.AUTO)) {
      assertEquals("Software GPU (H100), no cuBLAS: " + why, device.name());
      assertArrayEquals(Y, multiply(device));
      assertEquals(0, gpu.faults().calls(GEMM));
    }
    gpu.faults().failCall(call, 1, CudaResult.OUT_OF_MEMORY);
    ProviderUnavailableException e =
        assertThrows(ProviderUnavailableException.class, () -> open(VendorLibrary.REQUIRED));
    assertTrue(e.getMessage().contains("cuBLAS is required, but " + why), e.getMessage());
    assertEquals(List.of(), gpu.liveMemory());
    assertEquals(accounted, MemoryAccount.live());
  }

  @Test
  void noRoomForItsWorkspaceIsNoRoom(SoftGpu gpu) {
    long before = gpu.faults().calls("cuMemAlloc_v2");
    open(VendorLibrary.OFF).close();
    long calls = gpu.faults().calls("cuMemAlloc_v2") - before;
    for (int nth = 1; nth <= calls + 1; nth++) {
      gpu.faults().failCall("cuMemAlloc_v2", nth, CudaResult.OUT_OF_MEMORY);
      assertThrows(OutOfDeviceMemoryException.class, () -> open(VendorLibrary.AUTO));
      assertEquals(List.of(), gpu.liveMemory());
    }
  }

  @Test
  void aFailedProductIsNamed(SoftGpu gpu) {
    try (KernelDevice device = open(VendorLibrary.REQUIRED)) {
      gpu.faults().failCall(GEMM, 1, CudaResult.LAUNCH_OUT_OF_RESOURCES);
      DeviceException e = assertThrows(DeviceException.class, () -> multiply(device));
      assertEquals("CUBLAS_STATUS_EXECUTION_FAILED", e.code());
      assertEquals(GEMM, e.call());
      assertEquals("matmul", e.kernel());
      assertFalse(e.sticky());
      assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, X);
      assertArrayEquals(Y, multiply(device));
    }
    assertEquals(List.of(), gpu.liveMemory());
  }

  @Test
  void isCapturedInGraphs() {
    float[] result = new float[2];
    try (CudaKernelDevice device = open(VendorLibrary.REQUIRED);
        DeviceTensor x = device.allocate(DType.F32, 2, 3);
        DeviceTensor y = device.allocate(DType.F32, 2, 1);
        PreparedMatrix w = device.sparse().prepare(weights());
        MatrixProduct plan = device.sparse().product(MatrixProductSpec.of(2, weights()));
        CapturedRuns runs = device.capture(() -> plan.run(w, x.tensor(), y.tensor()))) {
      device.copy(Tensor.wrap(X, 2, 3), x.tensor());
      runs.run();
      device.copy(y.tensor(), Tensor.wrap(result, 2, 1));
    }
    assertArrayEquals(Y, result);
  }

  @Test
  void theSystemPropertySaysWhatTheDefaultIs() {
    try {
      System.setProperty(VendorLibrary.PROPERTY, "required");
      assertEquals(VendorLibrary.REQUIRED, OpenOptions.defaults().vendorLibrary());
      System.setProperty(VendorLibrary.PROPERTY, "perhaps");
      assertThrows(InvalidArgumentException.class, OpenOptions::defaults);
    } finally {
      System.clearProperty(VendorLibrary.PROPERTY);
    }
    assertEquals(VendorLibrary.OFF, OpenOptions.defaults().vendorLibrary());
  }

  /** In a JVM of its own, on a software GPU without cuBLAS. */
  @Test
  void withoutTheLibraryOursIsUsedAndSaysWhy() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                "-Dwarpwright.softgpu.withoutCublas=true",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                WithoutLibraryMain.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    assertTrue(said.contains("(H100), no cuBLAS: "), said);
    assertTrue(said.contains("cuBLAS is required, but "), said);
    assertTrue(said.contains("22.0 49.0"), said);
  }

  /** Says what the device is called, what it computes, and why it is refused. */
  static final class WithoutLibraryMain {
    private WithoutLibraryMain() {}

    public static void main(String[] arguments) {
      try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
        try (KernelDevice device = open(VendorLibrary.AUTO)) {
          float[] y = multiply(device);
          System.out.println(device.name() + "\n" + y[0] + " " + y[1]);
        }
        try (KernelDevice device = open(VendorLibrary.REQUIRED)) {
          System.out.println("opened " + device.name());
        } catch (ProviderUnavailableException e) {
          System.out.println(e.getMessage());
        }
        gpu.complaints().forEach(System.out::println);
      }
    }
  }
}
