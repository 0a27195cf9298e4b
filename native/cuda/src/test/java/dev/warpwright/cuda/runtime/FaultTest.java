package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.OutOfDeviceMemoryException;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Each failure shows the documented exception, leaves the inputs as they were and leaks nothing,
 * and the device that is opened next works.
 */
@SoftGpuTest
class FaultTest {
  private long before;

  @BeforeEach
  void account() {
    before = MemoryAccount.live();
  }

  @AfterEach
  void nothingIsHeldAndTheNextDeviceWorks() {
    assertEquals(before, MemoryAccount.live());
  }

  private static void works(CudaDevice device) {
    try (Arena arena = Arena.ofConfined();
        DeviceBuffer buffer = device.allocate(4, "check")) {
      MemorySegment back = arena.allocate(JAVA_INT);
      buffer.copyFrom(arena.allocateFrom(JAVA_INT, 42));
      buffer.copyTo(back);
      assertEquals(42, back.get(JAVA_INT, 0));
    }
  }

  private static void nextDeviceWorks() {
    try (CudaDevice next = CudaDevice.open(0)) {
      works(next);
    }
  }

  /** Everything once, so that each entry point in the table is called. */
  private static void everything() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        CudaEvent event = device.newEvent();
        DeviceBuffer buffer = device.allocate(4, "buffer");
        PinnedBuffer pinned = device.allocatePinned(4, "pinned")) {
      MemorySegment host = arena.allocateFrom(JAVA_INT, 42);
      try {
        buffer.copyFrom(host);
        buffer.copyFrom(0, host, stream);
        buffer.fill(0, 4, (byte) 0, stream);
        event.record(stream);
        stream.waitFor(event);
        buffer.copyTo(0, pinned.segment(), stream);
        event.synchronise();
        stream.synchronise();
        device.synchronise();
        buffer.copyTo(pinned.segment());
      } finally {
        assertEquals(42, host.get(JAVA_INT, 0));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "cuDevicePrimaryCtxRetain, DEVICE_UNAVAILABLE",
    "cuCtxSetCurrent, INVALID_CONTEXT",
    "cuStreamCreate, OUT_OF_MEMORY",
    "cuEventCreate, OUT_OF_MEMORY",
    "cuMemAlloc_v2, UNKNOWN",
    "cuMemHostAlloc, OUT_OF_MEMORY",
    "cuMemcpyHtoD_v2, INVALID_VALUE",
    "cuMemcpyHtoDAsync_v2, LAUNCH_FAILED",
    "cuMemsetD8Async, ILLEGAL_ADDRESS",
    "cuEventRecord, INVALID_HANDLE",
    "cuStreamWaitEvent, INVALID_HANDLE",
    "cuMemcpyDtoHAsync_v2, ECC_UNCORRECTABLE",
    "cuEventSynchronize, MISALIGNED_ADDRESS",
    "cuStreamSynchronize, LAUNCH_TIMEOUT",
    "cuCtxSynchronize, ASSERT",
    "cuMemcpyDtoH_v2, ILLEGAL_INSTRUCTION"
  })
  void aFailedCallSaysSo(String symbol, CudaResult result, SoftGpu gpu) {
    gpu.faults().failCall(symbol, 1, result);
    DeviceException e = assertThrows(DeviceException.class, FaultTest::everything);
    assertEquals(result.fullName(), e.code());
    assertEquals(symbol.replaceAll("_v2$", ""), e.call());
    boolean lost = result.endsContext() || result == CudaResult.DEVICE_UNAVAILABLE;
    assertEquals(lost, e.sticky());
    assertEquals(lost, e.getMessage().contains("the device is lost"));
    nextDeviceWorks();
  }

  @Test
  void aStickyErrorEndsTheDevice(SoftGpu gpu) {
    try (CudaDevice device = CudaDevice.open(0);
        DeviceBuffer buffer = device.allocate(4, "buffer");
        CudaStream stream = device.newStream()) {
      gpu.faults().failCall("cuStreamSynchronize", 1, CudaResult.ILLEGAL_ADDRESS);
      assertThrows(DeviceException.class, stream::synchronise);
      assertTrue(device.isLost());
      assertFalse(buffer.isAlive());
      DeviceException again =
          assertThrows(DeviceException.class, () -> device.allocate(4, "another"));
      assertTrue(again.sticky());
      assertEquals("CUDA_ERROR_ILLEGAL_ADDRESS", again.code());
      assertEquals("cuStreamSynchronize", again.call());
    }
    nextDeviceWorks();
  }

  @Test
  void anAllocationCanFailAtASize(SoftGpu gpu) {
    try (CudaDevice device = CudaDevice.open(0)) {
      gpu.faults().failAllocationsFrom(1000);
      assertThrows(OutOfDeviceMemoryException.class, () -> device.allocate(1000, "buffer"));
      device.allocate(999, "buffer").close();
      works(device);
    }
  }

  @Test
  void aLostDeviceSaysSoAtEveryCall(SoftGpu gpu) {
    try (CudaDevice device = CudaDevice.open(0)) {
      gpu.faults().loseDevice(0, CudaResult.DEVICE_UNAVAILABLE);
      for (int i = 0; i < 3; i++) {
        DeviceException e = assertThrows(DeviceException.class, device::synchronise);
        assertTrue(e.sticky());
        assertEquals("CUDA_ERROR_DEVICE_UNAVAILABLE", e.code());
      }
      assertTrue(device.isLost());
    }
  }
}
