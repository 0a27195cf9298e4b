package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuOptions;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.softgpu.sim.DeviceProfile;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** What the provider says of a machine. */
class CudaProviderTest {
  private static final DeviceProfile TURING =
      new DeviceProfile(
          "Software GPU (T4)",
          7,
          5,
          40,
          1024,
          1024,
          16,
          48 << 10,
          64 << 10,
          64 << 10,
          65536,
          16L << 30,
          4 << 20,
          1_590_000,
          5_001_000,
          256);

  private static final DeviceProfile ADA =
      new DeviceProfile(
          "Software GPU (L4)",
          8,
          9,
          58,
          1024,
          1536,
          24,
          48 << 10,
          99 << 10,
          100 << 10,
          65536,
          24L << 30,
          48 << 20,
          2_040_000,
          6_251_000,
          192);

  private final CudaProvider provider = new CudaProvider();

  @Test
  @CudaTest
  void findsTheDevices() {
    assertEquals(List.of("Software GPU (H100)"), provider.probe().devices());
    try (KernelDevice device = provider.open(OpenOptions.defaults())) {
      assertEquals("cuda:0", device.place());
      assertEquals("Software GPU (H100)", device.name());
    }
    assertThrows(
        InvalidArgumentException.class, () -> provider.open(OpenOptions.defaults().withOrdinal(1)));
  }

  private static String reason(Probe probe) {
    assertEquals(List.of(), probe.devices());
    return String.join("; ", probe.reasons());
  }

  @Test
  @SoftGpuTest(devices = {})
  void saysThatThereIsNoDevice() {
    assertTrue(reason(provider.probe()).contains("finds no device"), reason(provider.probe()));
    assertThrows(ProviderUnavailableException.class, () -> provider.open(OpenOptions.defaults()));
  }

  @Test
  @EnabledIf(value = "dev.warpwright.cuda.Kernels#canRun", disabledReason = "needs nvcc")
  void saysThatTheDriverIsTooOld() {
    SoftGpuOptions old = SoftGpuOptions.standard().withDriverVersion(12_040);
    try (SoftGpu gpu = SoftGpu.open(old)) {
      String reason = reason(provider.probe());
      assertTrue(reason.contains("the driver supports CUDA 12.4"), reason);
      assertTrue(reason.contains("update the driver"), reason);
      assertEquals(List.of(), gpu.complaints());
    }
  }

  @Test
  @EnabledIf(value = "dev.warpwright.cuda.Kernels#canRun", disabledReason = "needs nvcc")
  void saysThatTheDeviceIsTooOld() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.on(TURING))) {
      assertEquals(
          "device 0 (Software GPU (T4)) is sm_75, the kernels need sm_80 or newer",
          reason(provider.probe()));
      assertEquals(List.of(), gpu.complaints());
    }
  }

  /** Beside a device that works, an old one is refused when it is asked for. */
  @Test
  @EnabledIf(value = "dev.warpwright.cuda.Kernels#canRun", disabledReason = "needs nvcc")
  void refusesTheOldDeviceOnly() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.on(TURING, DeviceProfile.A100))) {
      assertEquals(2, provider.probe().devices().size());
      assertThrows(ProviderUnavailableException.class, () -> provider.open(OpenOptions.defaults()));
      provider.open(OpenOptions.defaults().withOrdinal(1)).close();
      assertEquals(List.of(), gpu.complaints());
    }
  }

  /**
   * The chips for graphics have less shared memory: codes of 8 bits in groups of 128 do not fit.
   */
  @Test
  @EnabledIf(value = "dev.warpwright.cuda.Kernels#canRun", disabledReason = "needs nvcc")
  void saysThatSharedMemoryIsTooSmall() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.on(ADA))) {
      try (KernelDevice device = provider.open(OpenOptions.defaults())) {
        for (int bits : new int[] {2, 4, 8}) {
          WeightFormat format = new WeightFormat.Quant(new Grouping(bits, 128, true));
          Support product = device.support(new MatrixProductSpec(64, 256, 256, format));
          Support experts =
              device.support(new ExpertMatmulSpec(64, 2, 256, 256, format, Activation.SWIGLU, 1));
          assertEquals(bits < 8, product.supported(), product.reason());
          assertEquals(bits < 8, experts.supported(), experts.reason());
          assertEquals(bits == 8, product.reason().contains("this device has 101376"));
        }
      }
      assertEquals(List.of(), gpu.complaints());
    }
  }

  @Test
  void saysThatThereWasNoCompiler() {
    CompiledKernels none = new CompiledKernels(new Properties());
    assertTrue(none.missing().orElseThrow().contains("nvcc"));
    assertEquals(List.of(), none.needs(13_000));
  }
}
