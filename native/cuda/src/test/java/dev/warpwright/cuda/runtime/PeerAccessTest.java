package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Copies between devices, and kernels that use another device's memory. */
@SoftGpuTest(devices = {"H100", "H100"})
class PeerAccessTest {
  private static final int BYTES = 16;

  /** Two devices with a buffer each; the second one's holds 1, 2, 3, 4. */
  private static final class Pair implements AutoCloseable {
    final Arena arena = Arena.ofConfined();
    final CudaDevice here = CudaDevice.open(0);
    final CudaDevice there = CudaDevice.open(1);
    final CudaStream stream = here.newStream();
    final DeviceBuffer mine = here.allocate(BYTES, "mine");
    final DeviceBuffer theirs = there.allocate(BYTES, "theirs");

    Pair() {
      theirs.copyFrom(arena.allocateFrom(JAVA_FLOAT, 1, 2, 3, 4));
    }

    /** Doubles what the second device holds, by a kernel of the first one. */
    void twice() {
      CudaFunction scale =
          here.module(new KernelImages(LaunchTest.class, "scale")).function("scale");
      stream.launch(
          scale, LaunchGrid.of(1, 32), new KernelArguments().add(mine).add(theirs).add(2f).add(4));
      stream.synchronise();
    }

    float last() {
      MemorySegment back = arena.allocate(BYTES, 4);
      mine.copyTo(back);
      return back.getAtIndex(JAVA_FLOAT, 3);
    }

    @Override
    public void close() {
      theirs.close();
      mine.close();
      stream.close();
      there.close();
      here.close();
      arena.close();
    }
  }

  private static void fails(String code, Executable call) {
    assertEquals(code, assertThrows(DeviceException.class, call).code());
  }

  @Test
  void copiesNeedNoAccess() {
    try (Pair pair = new Pair()) {
      pair.mine.copyFrom(4, pair.theirs, 0, 12, pair.stream);
      pair.stream.synchronise();
      assertEquals(3, pair.last());
    }
  }

  @Test
  void theStreamOfACopyMayBeTheOtherDevices() {
    try (Pair pair = new Pair();
        CudaStream stream = pair.there.newStream()) {
      pair.mine.copyFrom(0, pair.theirs, 0, BYTES, stream);
      stream.synchronise();
      assertEquals(4, pair.last());
    }
  }

  @Test
  void kernelsReachWhatTheyMay() {
    try (Pair pair = new Pair()) {
      assertTrue(pair.here.canAccess(pair.there));
      pair.here.enableAccess(pair.there);
      fails("CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", () -> pair.here.enableAccess(pair.there));
      pair.twice();
      assertEquals(8, pair.last());
      pair.here.disableAccess(pair.there);
      fails("CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", () -> pair.here.disableAccess(pair.there));
    }
  }

  @Test
  void withoutAccessTheDeviceIsLost(SoftGpu gpu) {
    try (Pair pair = new Pair()) {
      fails("CUDA_ERROR_ILLEGAL_ADDRESS", pair::twice);
      assertTrue(pair.here.isLost());
      assertFalse(pair.there.isLost());
      assertEquals(SimFault.Kind.OUT_OF_BOUNDS, gpu.takeFindings().getFirst().kind());
    }
  }

  @Test
  void aDeviceIsNoPeerOfItself() {
    try (CudaDevice device = CudaDevice.open(0)) {
      assertFalse(device.canAccess(device));
      fails("CUDA_ERROR_INVALID_CONTEXT", () -> device.enableAccess(device));
    }
  }

  @Test
  @SoftGpuTest(devices = {"H100", "A100"})
  void devicesOfTwoGenerationsOnlyCopy() {
    try (Pair pair = new Pair()) {
      assertFalse(pair.here.canAccess(pair.there));
      fails("CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", () -> pair.here.enableAccess(pair.there));
      pair.mine.copyFrom(0, pair.theirs, 0, BYTES, pair.stream);
      pair.stream.synchronise();
      assertEquals(4, pair.last());
    }
  }
}
