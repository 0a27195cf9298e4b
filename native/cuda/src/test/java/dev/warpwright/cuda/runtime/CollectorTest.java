package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuOptions;
import dev.warpwright.softgpu.SoftGpuTest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * JCuda pins Java arrays during some calls, and most collectors cannot work meanwhile: software GPU
 * and runtime must get through with each of them, in a small heap that is collected all the time.
 */
@SoftGpuTest
class CollectorTest {
  private static final int SECONDS = 60;

  @ParameterizedTest
  @ValueSource(strings = {"G1", "Parallel", "Serial", "Z"})
  void worksWith(String collector) throws IOException, InterruptedException {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    Path output = Files.createTempFile(temporary, "collector", ".txt");
    try {
      Process process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:+Use" + collector + "GC",
                  "-Xmx24m",
                  "-XX:TieredStopAtLevel=1",
                  "-Djava.io.tmpdir=" + temporary,
                  "--enable-native-access=ALL-UNNAMED",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Work.class.getName())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
      process.destroyForcibly().waitFor();
      assertEquals("ended", ended ? "ended" : "hangs");
      assertEquals(List.of("all right"), Files.readAllLines(output));
    } finally {
      Files.delete(output);
    }
  }

  /** Opens a device and runs a kernel, again and again. */
  static final class Work {
    private static final int ROUNDS = 4;
    private static final int NAMES = 250;
    private static final int N = 1000;
    private static final long PAUSE_NANOS = 10_000_000;

    private Work() {}

    public static void main(String[] arguments) {
      Thread garbage =
          Thread.ofPlatform()
              .daemon()
              .start(
                  () -> {
                    while (true) {
                      System.gc();
                      LockSupport.parkNanos(PAUSE_NANOS);
                    }
                  });
      try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
        for (int i = 0; i < ROUNDS; i++) {
          round();
        }
        System.out.println(
            garbage.isAlive() && gpu.complaints().isEmpty() ? "all right" : gpu.complaints());
      }
    }

    private static void round() {
      for (int i = 0; i < NAMES; i++) {
        check(!CudaDriver.probe().devices().isEmpty());
      }
      try (Arena arena = Arena.ofConfined();
          CudaDevice device = CudaDevice.open(0);
          CudaStream stream = device.newStream();
          DeviceBuffer buffer = device.allocate(4 * N, "x");
          PinnedBuffer pinned = device.allocatePinned(4 * N, "y")) {
        MemorySegment host = arena.allocate(4 * N, 4);
        host.setAtIndex(JAVA_FLOAT, 7, 21);
        buffer.copyFrom(0, host, stream);
        CudaFunction scale =
            device.module(new KernelImages(CollectorTest.class, "scale")).function("scale");
        stream.launch(
            scale,
            LaunchGrid.of(4, 256),
            new KernelArguments().add(buffer).add(buffer).add(2f).add(N));
        buffer.copyTo(0, pinned.segment(), stream);
        stream.synchronise();
        check(pinned.segment().getAtIndex(JAVA_FLOAT, 7) == 42);
      }
    }

    private static void check(boolean holds) {
      if (!holds) {
        throw new IllegalStateException("wrong result");
      }
    }
  }
}
