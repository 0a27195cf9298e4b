package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
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

  @Test
  void saysThatThereWasNoCompiler() {
    CompiledKernels none = new CompiledKernels(new Properties());
    assertTrue(none.missing().orElseThrow().contains("nvcc"));
    assertEquals(List.of(), none.needs(13_000));
  }
}
