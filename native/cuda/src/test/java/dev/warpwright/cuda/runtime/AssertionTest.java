package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.softgpu.sim.SimFault;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

/** An assertion of a kernel fails: what the caller is told, and what is left. */
@SoftGpuTest
class AssertionTest {
  private static final int[] INPUT = {1, 2, 9, 3};
  private static final LaunchGrid GRID = LaunchGrid.of(1, INPUT.length);

  private static CudaFunction checked(CudaDevice device) {
    return device.module(new KernelImages(AssertionTest.class, "checked")).function("checked");
  }

  private static void launch(CudaStream stream, DeviceBuffer y, DeviceBuffer x, int limit) {
    KernelArguments arguments = new KernelArguments().add(y).add(x).add(limit);
    stream.launch(checked(stream.device()), GRID, arguments);
  }

  @Test
  void endsTheDeviceAndNothingElse(SoftGpu gpu) {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        DeviceBuffer x = device.allocate(16, "x");
        DeviceBuffer y = device.allocate(16, "y")) {
      MemorySegment input = arena.allocateFrom(JAVA_INT, INPUT);
      x.copyFrom(input);
      launch(stream, y, x, 5);
      DeviceException e = assertThrows(DeviceException.class, stream::synchronise);
      assertEquals("CUDA_ERROR_ASSERT", e.code());
      assertTrue(e.sticky());
      assertTrue(device.isLost());
      assertFalse(x.isAlive());
      DeviceException again = assertThrows(DeviceException.class, () -> launch(stream, y, x, 10));
      assertEquals("CUDA_ERROR_ASSERT", again.code());
      assertTrue(again.sticky());
      assertArrayEquals(INPUT, input.toArray(JAVA_INT));
    }
    List<SimFault> findings = gpu.takeFindings();
    assertEquals(1, findings.size());
    SimFault finding = findings.getFirst();
    assertEquals(SimFault.Kind.ASSERT, finding.kind());
    assertEquals("checked", finding.site().kernel());
    assertEquals("2, 0, 0", finding.site().thread());
    assertTrue(finding.getMessage().contains("`x[threadIdx.x] < limit`"), finding::getMessage);
    assertTrue(finding.getMessage().contains("checked.cu:5"), finding::getMessage);
    nextDeviceWorks();
  }

  private static void nextDeviceWorks() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        DeviceBuffer x = device.allocate(16, "x");
        DeviceBuffer y = device.allocate(16, "y")) {
      x.copyFrom(arena.allocateFrom(JAVA_INT, INPUT));
      launch(stream, y, x, 10);
      stream.synchronise();
      MemorySegment back = arena.allocate(16);
      y.copyTo(back);
      assertArrayEquals(INPUT, back.toArray(JAVA_INT));
    }
  }
}
