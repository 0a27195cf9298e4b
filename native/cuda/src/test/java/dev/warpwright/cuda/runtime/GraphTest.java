package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Capture and launch of graphs, and cooperative launches. */
@SoftGpuTest
class GraphTest {
  private static final int N = 256;

  private Arena arena;
  private CudaDevice device;
  private CudaStream stream;
  private DeviceBuffer x;
  private DeviceBuffer y;
  private CudaFunction scale;
  private final KernelArguments arguments = new KernelArguments();

  @BeforeEach
  void open() {
    arena = Arena.ofConfined();
    device = CudaDevice.open(0);
    stream = device.newStream();
    x = device.allocate(4 * N, "x");
    y = device.allocate(4 * N, "y");
    scale = device.module(new KernelImages(GraphTest.class, "scale")).function("scale");
    set(1);
  }

  @AfterEach
  void close() {
    y.close();
    x.close();
    stream.close();
    device.close();
    arena.close();
  }

  private void set(float value) {
    MemorySegment host = arena.allocate(4 * N, 4);
    for (int i = 0; i < N; i++) {
      host.setAtIndex(JAVA_FLOAT, i, value);
    }
    x.copyFrom(host);
  }

  /** y = factor * x, in a stream. */
  private void scale(float factor, CudaStream in) {
    in.launch(scale, LaunchGrid.of(1, N), arguments.clear().add(y).add(x).add(factor).add(N));
  }

  private float result() {
    MemorySegment back = arena.allocate(4 * N, 4);
    stream.synchronise();
    y.copyTo(back);
    return back.getAtIndex(JAVA_FLOAT, N - 1);
  }

  @Test
  void aGraphReadsMemoryAtEachLaunch(SoftGpu gpu) {
    try (CudaGraph graph = stream.capture(() -> scale(3, stream))) {
      assertEquals(0, gpu.launches().size());
      stream.launch(graph);
      assertEquals(3f, result());
      set(5);
      stream.launch(graph);
      assertEquals(15f, result());
      assertEquals(2, gpu.launches().size());
    }
  }

  @Test
  void streamsForkAndJoinInAGraph() {
    try (CudaStream other = device.newStream();
        CudaEvent forked = device.newEvent();
        CudaEvent joined = device.newEvent();
        CudaGraph graph =
            stream.capture(
                () -> {
                  x.fill(0, 4 * N, (byte) 0, stream);
                  forked.record(stream);
                  other.waitFor(forked);
                  scale(2, other);
                  joined.record(other);
                  stream.waitFor(joined);
                  x.copyFrom(0, y, 0, 4 * N, stream);
                })) {
      stream.launch(graph);
      assertEquals(0f, result());
    }
  }

  @Test
  void whatFailsDuringACaptureLeavesTheStreamUsable() {
    assertThrows(DeviceException.class, () -> stream.capture(() -> device.allocate(4, "not now")));
    DeviceException refused =
        assertThrows(DeviceException.class, () -> stream.capture(stream::synchronise));
    assertEquals("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", refused.code());
    assertFalse(device.isLost());
    scale(2, stream);
    assertEquals(2f, result());
  }

  @Test
  void aClosedGraphIsRefused() {
    CudaGraph graph = stream.capture(() -> scale(3, stream));
    stream.launch(graph);
    graph.close();
    graph.close();
    assertEquals(3f, result());
    assertThrows(IllegalStateException.class, () -> stream.launch(graph));
  }

  @Test
  void cooperativeLaunchesMustFit() {
    arguments.clear().add(y).add(x).add(4f).add(N);
    stream.launchCooperative(scale, LaunchGrid.of(1, N), arguments);
    assertEquals(4f, result());
    int most = scale.residentBlocks(N, 0) * device.limits().multiprocessors();
    DeviceException e =
        assertThrows(
            DeviceException.class,
            () -> stream.launchCooperative(scale, LaunchGrid.of(most + 1, N), arguments));
    assertEquals("CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", e.code());
  }
}
