package dev.warpwright.cuda.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Which image is taken, and what is said when there is none. */
@SoftGpuTest
class KernelImagesTest {
  private static KernelImages images(String stem) {
    return new KernelImages(KernelImagesTest.class, stem);
  }

  private static ModuleException failure(String stem) {
    try (CudaDevice device = CudaDevice.open(0)) {
      ModuleException e = assertThrows(ModuleException.class, () -> device.module(images(stem)));
      assertFalse(e.sticky());
      assertFalse(device.isLost());
      device.synchronise();
      return e;
    }
  }

  @Test
  void takesTheNewestThatTheDeviceCanRun() {
    try (CudaDevice device = CudaDevice.open(0)) {
      String text = new String(images("marker").ptx(device), StandardCharsets.US_ASCII);
      assertTrue(text.contains("sm_90"), text);
    }
  }

  @Test
  @SoftGpuTest(devices = "A100")
  void takesAnOlderOneForAnOlderDevice() {
    try (CudaDevice device = CudaDevice.open(0)) {
      String text = new String(images("marker").ptx(device), StandardCharsets.US_ASCII);
      assertTrue(text.contains("sm_80"), text);
    }
  }

  @Test
  @SoftGpuTest(devices = "A100")
  void saysWhatArchitectureIsNeeded() {
    ModuleException e = failure("newer");
    assertEquals("CUDA_ERROR_NO_BINARY_FOR_GPU", e.code());
    assertTrue(
        e.getMessage().contains("needs sm_90 or newer, the device is sm_80"), e.getMessage());
  }

  @Test
  void saysThatNothingWasCompiled() {
    assertTrue(failure("nothing").getMessage().contains("nvcc"));
  }

  @Test
  @SoftGpuTest(driverVersion = 11_080)
  void saysThatTheDriverIsTooOld() {
    ModuleException e = failure("marker");
    assertEquals("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", e.code());
    assertTrue(
        e.getMessage().contains("newer CUDA than the driver's 11.8: update the driver"),
        e.getMessage());
  }

  @Test
  void givesTheLogOfTheCompiler() {
    ModuleException e = failure("broken");
    assertEquals("CUDA_ERROR_INVALID_PTX", e.code());
    assertTrue(e.detail().contains("nonsense"), e.detail());
  }

  @Test
  void saysThatTheSoftwareGpuRunsNoMachineCode() {
    ModuleException e = failure("machinecode");
    assertEquals("CUDA_ERROR_NO_BINARY_FOR_GPU", e.code());
    assertTrue(e.getMessage().contains("a cubin: the software GPU runs PTX"), e.getMessage());
  }

  @Test
  void ptxServesADeviceWithoutMachineCode(SoftGpu gpu) {
    assertTrue(images("both").machineCode().isPresent());
    assertTrue(images("marker").machineCode().isEmpty());
    try (CudaDevice device = CudaDevice.open(0)) {
      assertEquals("both", device.module(images("both")).function("both").name());
      assertEquals(2, gpu.faults().calls("cuModuleLoadDataEx")); // machine code first
    }
  }
}
