package dev.warpwright.cuda.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a user reads when CUDA cannot be used. */
@SoftGpuTest
class CudaDriverTest {

  @Test
  void findsTheDevices() {
    assertEquals(List.of("Software GPU (H100)"), CudaDriver.probe().devices());
    assertEquals("13.0", CudaDriver.version());
  }

  @Test
  @SoftGpuTest(driverVersion = 12_080)
  void saysTheVersionOfTheDriver() {
    assertEquals("12.8", CudaDriver.version());
  }

  @Test
  @SoftGpuTest(devices = {})
  void libraryWithoutDevice() {
    Probe probe = CudaDriver.probe();
    assertFalse(probe.isAvailable());
    assertTrue(probe.reasons().getFirst().contains("finds no device"), probe::toString);
    ProviderUnavailableException e =
        assertThrows(ProviderUnavailableException.class, () -> CudaDevice.open(0));
    assertTrue(e.getMessage().contains("nvidia-smi"), e.getMessage());
  }

  @Test
  void noSuchDevice() {
    ProviderUnavailableException e =
        assertThrows(ProviderUnavailableException.class, () -> CudaDevice.open(1));
    assertTrue(e.getMessage().contains("there is no device 1"), e.getMessage());
  }

  @Test
  void libraryOfAnotherVersionThanTheKernelModule(SoftGpu gpu) {
    gpu.faults().failCall("cuInit", 1, CudaResult.SYSTEM_DRIVER_MISMATCH);
    assertTrue(CudaDriver.probe().reasons().getFirst().contains("reboot"));
  }

  @Test
  void otherFailuresAreNamed(SoftGpu gpu) {
    gpu.faults().failCall("cuInit", 1, CudaResult.SYSTEM_NOT_READY);
    assertEquals(
        List.of("the CUDA driver does not start: CUDA_ERROR_SYSTEM_NOT_READY"),
        CudaDriver.probe().reasons());
  }

  /** In a JVM of its own: this one has the stand-in loaded. */
  @Test
  void withoutTheLibrary() throws IOException, InterruptedException {
    String said = runProbe();
    assumeTrue(!said.startsWith("available"), "this machine has a CUDA driver");
    assertTrue(said.contains("no CUDA driver is installed"), said);
    assertTrue(said.endsWith("the same again\n"), said);
  }

  private static String runProbe() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                ProbeMain.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return said;
  }

  /** Probes twice: the second touch of a class that failed to load gives another error. */
  static final class ProbeMain {
    private ProbeMain() {}

    public static void main(String[] arguments) {
      Probe first = CudaDriver.probe();
      System.out.println(first.isAvailable() ? "available" : first.reasons());
      Probe second = CudaDriver.probe();
      System.out.println(second.equals(first) ? "the same again" : second.reasons());
    }
  }
}
