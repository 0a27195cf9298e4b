package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.softgpu.sim.SimFault;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Products of F32 matrices through JCublas. */
@SoftGpuTest
class CuBlasTest {
  private static final int ROWS = 5;
  private static final int COLUMNS = 7;
  private static final int LENGTH = 11;
  private static final int STRIDE = 16;

  private Arena arena;
  private CudaDevice device;
  private CudaStream stream;
  private CuBlas blas;

  @BeforeEach
  void open() {
    arena = Arena.ofConfined();
    device = CudaDevice.open(0);
    stream = device.newStream();
    blas = CuBlas.open(stream);
  }

  @AfterEach
  void close() {
    blas.close();
    stream.close();
    device.close();
    arena.close();
  }

  private MemorySegment numbers(int count, long seed) {
    MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
    Random random = new Random(seed);
    for (int i = 0; i < count; i++) {
      segment.setAtIndex(JAVA_FLOAT, i, random.nextFloat() - 0.5f);
    }
    return segment;
  }

  private DeviceBuffer upload(MemorySegment segment) {
    DeviceBuffer buffer = device.allocate(segment.byteSize(), "operand");
    buffer.copyFrom(segment);
    return buffer;
  }

  private void linear(int length, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y) {
    blas.linear("test", ROWS, COLUMNS, length, x.address(), w.address(), STRIDE, y.address());
  }

  @Test
  void multipliesAsTheFormulaSays() {
    MemorySegment x = numbers(ROWS * LENGTH, 1);
    MemorySegment w = numbers(COLUMNS * STRIDE, 2);
    MemorySegment y = arena.allocate(JAVA_FLOAT, ROWS * COLUMNS);
    try (DeviceBuffer onX = upload(x);
        DeviceBuffer onW = upload(w);
        DeviceBuffer onY = device.allocate(y.byteSize(), "y")) {
      linear(LENGTH, onX, onW, onY);
      stream.synchronise();
      onY.copyTo(y);
    }
    for (int i = 0; i < ROWS; i++) {
      for (int j = 0; j < COLUMNS; j++) {
        double expected = 0;
        for (int k = 0; k < LENGTH; k++) {
          expected +=
              (double) x.getAtIndex(JAVA_FLOAT, i * LENGTH + k)
                  * w.getAtIndex(JAVA_FLOAT, j * STRIDE + k);
        }
        // Eleven products below 1/4: their sum is below 4, whose last place is 2^-22.
        assertEquals(expected, y.getAtIndex(JAVA_FLOAT, i * COLUMNS + j), LENGTH * 0x1p-22);
      }
    }
  }

  @Test
  void refusesSizesThatAreNone() {
    assertThrows(InvalidArgumentException.class, () -> blas.linear("test", 0, 1, 1, 0, 0, 1, 0));
    assertThrows(InvalidArgumentException.class, () -> blas.linear("test", 1, 0, 1, 0, 0, 1, 0));
    assertThrows(InvalidArgumentException.class, () -> blas.linear("test", 1, 1, 0, 0, 0, 1, 0));
    assertThrows(InvalidArgumentException.class, () -> blas.linear("test", 1, 1, 2, 0, 0, 1, 0));
  }

  /** The rows of x that nobody wrote, and those behind the end. */
  @ParameterizedTest
  @CsvSource({"220, UNINITIALISED", "200, OUT_OF_BOUNDS"})
  void theSoftwareGpuSeesWhatIsRead(int bytes, SimFault.Kind kind, SoftGpu gpu) {
    DeviceBuffer x = device.allocate(bytes, "x");
    DeviceBuffer w = upload(numbers(COLUMNS * STRIDE, 2));
    DeviceBuffer y = device.allocate(ROWS * COLUMNS * Float.BYTES, "y");
    x.copyFrom(numbers(50, 1));
    linear(LENGTH, x, w, y);
    assertTrue(assertThrows(DeviceException.class, stream::synchronise).sticky());
    assertEquals(List.of(kind), gpu.takeFindings().stream().map(SimFault::kind).toList());
    y.close();
    w.close();
    x.close();
  }

  @Test
  void saysItsVersion() {
    assertEquals("12.6.0", blas.version());
  }

  @Test
  void aFailureIsNamed(SoftGpu gpu) {
    gpu.faults().failCall("cublasGemmEx", 1, CudaResult.OUT_OF_MEMORY);
    try (DeviceBuffer buffer = device.allocate(COLUMNS * STRIDE * Float.BYTES, "buffer")) {
      DeviceException e =
          assertThrows(DeviceException.class, () -> linear(LENGTH, buffer, buffer, buffer));
      assertEquals("CUBLAS_STATUS_ALLOC_FAILED", e.code());
      assertEquals("cublasGemmEx", e.call());
      assertEquals("test", e.kernel());
    }
  }

  /** Whatever fails when it is opened, nothing is left. */
  @ParameterizedTest
  @ValueSource(
      strings = {"cublasCreate_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2", "cuMemAlloc_v2"})
  void leavesNothingWhenItDoesNotOpen(String call, SoftGpu gpu) {
    List<String> held = gpu.liveMemory();
    gpu.faults().failCall(call, 1, CudaResult.OUT_OF_MEMORY);
    assertThrows(RuntimeException.class, () -> CuBlas.open(stream));
    assertEquals(held, gpu.liveMemory());
    CuBlas.open(stream).close();
  }

  @Test
  void aClosedHandleIsRefused() {
    blas.close();
    blas.close();
    assertThrows(IllegalStateException.class, () -> blas.linear("test", 1, 1, 1, 0, 0, 1, 0));
  }

  @Test
  void tellsAnOldLibraryFromNone() {
    assertTrue(
        CuBlas.reason(
                new UnsatisfiedLinkError(
                    "libJCublas2.so: undefined symbol: cublasDgemmGroupedBatched, version"
                        + " libcublas.so.12"))
            .contains("older than CUDA 12.6"));
    assertTrue(
        CuBlas.reason(
                new UnsatisfiedLinkError(
                    "libcublas.so.12: cannot open shared object file: No such file or directory"))
            .contains("CUDA 13 ships libcublas.so.13"));
  }

  /** In a JVM of its own: this one has the stand-in loaded. */
  @Test
  void withoutTheLibraryItSaysWhy() throws IOException, InterruptedException {
    assertNull(CuBlas.unavailable());
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                AskMain.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    assertTrue(
        said.contains("CUDA 13 ships libcublas.so.13") || said.startsWith("available"), said);
  }

  /** Asks twice: the second touch of a class that failed to load gives another error. */
  static final class AskMain {
    private AskMain() {}

    public static void main(String[] arguments) {
      String reason = CuBlas.unavailable();
      System.out.println(reason == null ? "available" : reason);
      System.out.println(reason == null || reason.equals(CuBlas.unavailable()) ? "" : "changed");
    }
  }
}
