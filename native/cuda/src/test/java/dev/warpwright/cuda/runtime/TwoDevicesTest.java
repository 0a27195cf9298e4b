package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.ProviderUnavailableException;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Devices are told apart by their ordinals, and each keeps what is its own. */
@SoftGpuTest(devices = {"H100", "A100"})
class TwoDevicesTest {
  private static final int BYTES = 64;

  private static void put(DeviceBuffer buffer, int number) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(BYTES);
      host.setAtIndex(JAVA_INT, 3, number);
      buffer.copyFrom(host);
    }
  }

  private static int get(DeviceBuffer buffer) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(BYTES);
      buffer.copyTo(host);
      return host.getAtIndex(JAVA_INT, 3);
    }
  }

  @Test
  void areFoundByOrdinal() {
    assertEquals(
        List.of("Software GPU (H100)", "Software GPU (A100)"), CudaDriver.probe().devices());
    try (CudaDevice first = CudaDevice.open(0);
        CudaDevice second = CudaDevice.open(1)) {
      assertEquals(0, first.ordinal());
      assertEquals(1, second.ordinal());
      assertTrue(second.toString().contains("A100"), second.toString());
    }
    ProviderUnavailableException e =
        assertThrows(ProviderUnavailableException.class, () -> CudaDevice.open(2));
    assertTrue(e.getMessage().contains("there is no device 2"), e.getMessage());
  }

  @Test
  void haveMemoryOfTheirOwn() {
    try (CudaDevice first = CudaDevice.open(0);
        CudaDevice second = CudaDevice.open(1);
        DeviceBuffer here = first.allocate(BYTES, "here");
        DeviceBuffer there = second.allocate(BYTES, "there")) {
      assertNotEquals(here.address(), there.address());
      put(here, 7);
      put(there, 42);
      assertEquals(7, get(here));
      assertEquals(42, get(there));
    }
  }

  @Test
  void oneIsLostAlone(SoftGpu gpu) {
    try (CudaDevice first = CudaDevice.open(0);
        DeviceBuffer here = first.allocate(BYTES, "here")) {
      CudaDevice second = CudaDevice.open(1);
      DeviceBuffer there = second.allocate(BYTES, "there");
      put(here, 7);
      gpu.faults().loseDevice(1, CudaResult.DEVICE_UNAVAILABLE);
      assertThrows(RuntimeException.class, () -> put(there, 42));
      assertEquals(7, get(here));
      there.close();
      second.close();
      assertFalse(there.isAlive());
    }
  }
}
