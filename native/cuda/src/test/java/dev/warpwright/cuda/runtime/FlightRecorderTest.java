package dev.warpwright.cuda.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.SoftGpuTest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the flight recorder sees of the runtime. */
@SoftGpuTest
class FlightRecorderTest {
  private static final int N = 64;

  @TempDir Path folder;

  @Test
  void recordsLoadsCopiesAndLaunches() throws IOException {
    Path file = folder.resolve("cuda.jfr");
    try (Recording recording = new Recording()) {
      List.of("CudaModuleLoad", "CudaCopy", "CudaLaunch")
          .forEach(name -> recording.enable("dev.warpwright." + name));
      recording.start();
      work();
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> events =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().startsWith("dev.warpwright.Cuda"))
            .toList();
    assertEquals(
        List.of("CudaModuleLoad", "CudaCopy", "CudaLaunch", "CudaCopy"),
        events.stream()
            .map(event -> event.getEventType().getName().replace("dev.warpwright.", ""))
            .toList());
    assertEquals("dev.warpwright.cuda.runtime.scale", events.get(0).getString("module"));
    assertEquals("cuMemcpyHtoD", events.get(1).getString("call"));
    assertEquals(4 * N, events.get(1).getLong("bytes"));
    assertEquals("scale", events.get(2).getString("kernel"));
    assertEquals(2, events.get(2).getLong("blocks"));
    assertEquals(32, events.get(2).getInt("threads"));
    assertEquals("cuMemcpy2DAsync", events.get(3).getString("call"));
  }

  private static void work() {
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        DeviceBuffer buffer = device.allocate(4 * N, "buffer")) {
      CudaFunction scale =
          device.module(new KernelImages(FlightRecorderTest.class, "scale")).function("scale");
      buffer.copyFrom(arena.allocate(4 * N, 4));
      stream.launch(
          scale,
          LaunchGrid.of(2, 32),
          new KernelArguments().add(buffer).add(buffer).add(2f).add(N));
      Rows rows = new Rows(0, 16, 8, 2);
      buffer.copyTo(rows, arena.allocate(64), rows, stream);
      stream.synchronise();
    }
  }
}
