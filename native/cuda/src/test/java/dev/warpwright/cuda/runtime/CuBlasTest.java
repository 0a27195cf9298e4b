package dev.warpwright.cuda.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.runtime.CuBlas.Operand;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products of dense matrices through JCublas. */
@SoftGpuTest
class CuBlasTest {
  private static final int BATCH = 2;
  private static final int ROWS = 5;
  private static final int COLUMNS = 7;
  private static final int LENGTH = 11;

  private Arena arena;
  private CudaDevice device;
  private CudaStream stream;
  private CuBlas blas;

  @BeforeEach
  void open() {
    arena = Arena.ofConfined();
    device = CudaDevice.open(0);
    stream = device.newStream();
    blas = CuBlas.open(device);
  }

  @AfterEach
  void close() {
    blas.close();
    stream.close();
    device.close();
    arena.close();
  }

  private static int bytes(DType type) {
    return type == DType.F32 ? 4 : 2;
  }

  private static void set(MemorySegment segment, DType type, int index, float value) {
    switch (type) {
      case F32 -> segment.setAtIndex(JAVA_FLOAT, index, value);
      case F16 -> segment.setAtIndex(JAVA_SHORT, index, Float.floatToFloat16(value));
      default -> segment.setAtIndex(JAVA_SHORT, index, (short) (Float.floatToIntBits(value) >> 16));
    }
  }

  private static float get(MemorySegment segment, DType type, int index) {
    return switch (type) {
      case F32 -> segment.getAtIndex(JAVA_FLOAT, index);
      case F16 -> Float.float16ToFloat(segment.getAtIndex(JAVA_SHORT, index));
      default -> Float.intBitsToFloat(segment.getAtIndex(JAVA_SHORT, index) << 16);
    };
  }

  private MemorySegment numbers(DType type, int count, long seed) {
    MemorySegment segment = arena.allocate((long) count * bytes(type), 8);
    Random random = new Random(seed);
    for (int i = 0; i < count; i++) {
      set(segment, type, i, random.nextFloat() - 0.5f);
    }
    return segment;
  }

  private DeviceBuffer upload(MemorySegment segment) {
    DeviceBuffer buffer = device.allocate(segment.byteSize(), "operand");
    buffer.copyFrom(segment);
    return buffer;
  }

  @ParameterizedTest
  @CsvSource({"F32, F32", "F16, F16", "F16, F32", "BF16, BF16", "BF16, F32"})
  void multipliesAsTheFormulaSays(DType in, DType out) {
    MemorySegment x = numbers(in, BATCH * ROWS * LENGTH, 1);
    MemorySegment w = numbers(in, BATCH * COLUMNS * LENGTH, 2);
    MemorySegment y = arena.allocate((long) BATCH * ROWS * COLUMNS * bytes(out), 8);
    try (DeviceBuffer onX = upload(x);
        DeviceBuffer onW = upload(w);
        DeviceBuffer onY = device.allocate(y.byteSize(), "y")) {
      blas.linear(
          stream,
          BATCH,
          ROWS,
          COLUMNS,
          LENGTH,
          new Operand(onX, 0, in),
          new Operand(onW, 0, in),
          new Operand(onY, 0, out));
      stream.synchronise();
      onY.copyTo(y);
    }
    // One rounding of the result: half a unit in the last place of numbers below 4.
    double tolerance = out == DType.F32 ? 1e-5 : out == DType.F16 ? 1e-3 : 8e-3;
    for (int b = 0; b < BATCH; b++) {
      for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++) {
          double expected = 0;
          for (int k = 0; k < LENGTH; k++) {
            expected +=
                (double) get(x, in, (b * ROWS + i) * LENGTH + k)
                    * get(w, in, (b * COLUMNS + j) * LENGTH + k);
          }
          assertEquals(expected, get(y, out, (b * ROWS + i) * COLUMNS + j), tolerance);
        }
      }
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (DeviceBuffer small = device.allocate(16, "small")) {
      Operand f32 = new Operand(small, 0, DType.F32);
      Operand f16 = new Operand(small, 0, DType.F16);
      Operand i32 = new Operand(small, 0, DType.I32);
      refused(2, 2, 2, f32, new Operand(small, 4, DType.F32), f32);
      refused(2, 2, 3, f32, f32, f32);
      refused(0, 2, 2, f32, f32, f32);
      refused(1, 1, 1, f32, f16, f32);
      refused(1, 1, 1, f32, f32, f16);
      refused(1, 1, 1, i32, i32, i32);
    }
  }

  private void refused(int rows, int columns, int length, Operand x, Operand w, Operand y) {
    assertThrows(
        InvalidArgumentException.class, () -> blas.linear(stream, rows, columns, length, x, w, y));
  }

  @Test
  void aFailureIsNamed(SoftGpu gpu) {
    gpu.faults().failCall("cublasGemmStridedBatchedEx", 1, CudaResult.OUT_OF_MEMORY);
    try (DeviceBuffer buffer = device.allocate(4, "buffer")) {
      Operand operand = new Operand(buffer, 0, DType.F32);
      DeviceException e =
          assertThrows(
              DeviceException.class, () -> blas.linear(stream, 1, 1, 1, operand, operand, operand));
      assertEquals("CUBLAS_STATUS_ALLOC_FAILED", e.code());
      assertEquals("cublasGemmStridedBatchedEx", e.call());
    }
  }

  @Test
  void aClosedHandleIsRefused() {
    blas.close();
    blas.close();
    try (DeviceBuffer buffer = device.allocate(4, "buffer")) {
      Operand operand = new Operand(buffer, 0, DType.F32);
      assertThrows(
          IllegalStateException.class,
          () -> blas.linear(stream, 1, 1, 1, operand, operand, operand));
    }
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
