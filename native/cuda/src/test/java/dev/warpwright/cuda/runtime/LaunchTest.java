package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.FaultInjection.LaunchFault;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.softgpu.sim.SimFault;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Modules, functions and launches, with a kernel that nvcc made from {@code scale.cu}. */
@SoftGpuTest
class LaunchTest {
  private static final int N = 1000;
  private static final LaunchGrid GRID = LaunchGrid.of(4, 256);

  /** What a launch needs; closing it frees all. */
  private static final class Scale implements AutoCloseable {
    final Arena arena = Arena.ofConfined();
    final CudaDevice device = CudaDevice.open(0);
    final CudaStream stream = device.newStream();
    final DeviceBuffer x = device.allocate(4 * N, "x");
    final DeviceBuffer y = device.allocate(4 * N, "y");
    final MemorySegment host = arena.allocate(4 * N, 4);
    final CudaFunction function;
    final KernelArguments arguments = new KernelArguments();

    Scale() {
      IntStream.range(0, N).forEach(i -> host.setAtIndex(JAVA_FLOAT, i, i));
      x.copyFrom(host);
      function = device.module(new KernelImages(LaunchTest.class, "scale")).function("scale");
    }

    void launch(float factor, int count) {
      arguments.clear().add(y).add(x).add(factor).add(count);
      stream.launch(function, GRID, arguments);
    }

    float result(int index) {
      MemorySegment back = arena.allocate(4 * N, 4);
      y.copyTo(0, back, stream);
      stream.synchronise();
      return back.getAtIndex(JAVA_FLOAT, index);
    }

    @Override
    public void close() {
      y.close();
      x.close();
      stream.close();
      device.close();
      arena.close();
    }
  }

  @Test
  void runsTheKernel(SoftGpu gpu) {
    try (Scale scale = new Scale()) {
      scale.launch(2.5f, N);
      assertEquals(2.5f * 999, scale.result(999));
      assertEquals(1, gpu.launches().size());
      assertEquals("scale", gpu.launches().getFirst().kernel());
    }
  }

  @Test
  void argumentsAreCopiedByTheCall() {
    try (Scale scale = new Scale()) {
      scale.launch(2, N);
      scale.arguments.clear().add(scale.y).add(scale.x).add(3f).add(N);
      assertEquals(2f * 7, scale.result(7));
    }
  }

  @Test
  void aGarbageCollectionDuringALaunchIsHarmless(SoftGpu gpu) {
    gpu.faults().beforeCall("cuLaunchKernel", System::gc);
    try (Scale scale = new Scale()) {
      scale.launch(2, N);
      assertEquals(2f, scale.result(1));
    }
  }

  @Test
  void modulesAndFunctionsAreLoadedOnce(SoftGpu gpu) {
    try (Scale scale = new Scale()) {
      CudaModule again = scale.device.module(new KernelImages(LaunchTest.class, "scale"));
      assertSame(scale.function, again.function("scale"));
      assertEquals(1, gpu.faults().calls("cuModuleLoadDataEx"));
      assertEquals(1024, scale.function.maxThreads());
      assertEquals(0, scale.function.staticShared());
      assertEquals(0, scale.function.localBytes());
      assertTrue(scale.function.registers() > 0);
      assertEquals(8, scale.function.residentBlocks(256, 0));
    }
  }

  @Test
  void anUnknownKernelIsNamed() {
    try (Scale scale = new Scale()) {
      CudaModule module = scale.device.module(new KernelImages(LaunchTest.class, "scale"));
      DeviceException e = assertThrows(DeviceException.class, () -> module.function("scael"));
      assertEquals("CUDA_ERROR_NOT_FOUND", e.code());
      assertEquals("scael", e.kernel());
    }
  }

  @Test
  void moreSharedMemoryMustBeAllowed() {
    try (Scale scale = new Scale()) {
      LaunchGrid large = GRID.withShared(100 << 10);
      scale.arguments.add(scale.y).add(scale.x).add(2f).add(N);
      DeviceException e =
          assertThrows(
              DeviceException.class,
              () -> scale.stream.launch(scale.function, large, scale.arguments));
      assertEquals("CUDA_ERROR_INVALID_VALUE", e.code());
      assertEquals("scale", e.kernel());
      assertFalse(scale.device.isLost());
      scale.function.allowDynamicShared(100 << 10);
      scale.function.allowDynamicShared(60 << 10); // another plan needs less
      scale.stream.launch(scale.function, large, scale.arguments);
      assertEquals(2f, scale.result(1));
    }
  }

  @Test
  void aLaunchThatFailsOnceIsReportedOnce(SoftGpu gpu) {
    try (Scale scale = new Scale()) {
      gpu.faults().failLaunch("scale", 1, new LaunchFault(CudaResult.UNKNOWN, false));
      scale.launch(2, N);
      DeviceException e = assertThrows(DeviceException.class, scale.stream::synchronise);
      assertEquals("CUDA_ERROR_UNKNOWN", e.code());
      assertFalse(e.sticky());
      scale.launch(3, N);
      assertEquals(3f, scale.result(1));
    }
  }

  @Test
  void aLaunchThatFailsForGoodEndsTheDevice(SoftGpu gpu) {
    try (Scale scale = new Scale()) {
      gpu.faults().failLaunch("scale", 1, new LaunchFault(CudaResult.LAUNCH_FAILED, true));
      scale.launch(2, N);
      DeviceException e = assertThrows(DeviceException.class, scale.stream::synchronise);
      assertTrue(e.sticky());
      assertEquals(
          "CUDA_ERROR_LAUNCH_FAILED",
          assertThrows(DeviceException.class, () -> scale.launch(3, N)).code());
      assertEquals(999f, scale.host.getAtIndex(JAVA_FLOAT, 999));
    }
    try (Scale next = new Scale()) {
      next.launch(2, N);
      assertEquals(2f, next.result(1));
    }
  }

  @Test
  void anAccessOutOfBoundsIsFound(SoftGpu gpu) {
    try (Scale scale = new Scale()) {
      scale.launch(2, N + 1);
      DeviceException e = assertThrows(DeviceException.class, scale.device::synchronise);
      assertEquals("CUDA_ERROR_ILLEGAL_ADDRESS", e.code());
      List<SimFault> findings = gpu.takeFindings();
      assertEquals(SimFault.Kind.OUT_OF_BOUNDS, findings.getFirst().kind());
    }
  }
}
