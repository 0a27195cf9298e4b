package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.warpwright.softgpu.sim.OpHarness.Kind;
import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Functions of CUDA C++ on the simulator and compiled for the host from the same source, bit for
 * bit: arithmetic and conversions in every rounding mode, half formats and fp8 by the emulation in
 * the toolkit's headers, long integers, permutations.
 */
class SemanticsTest {
  private static final int SEEDS = 4;
  private static final int LEAST = 130;

  private static MethodHandle count;
  private static MethodHandle name;
  private static MethodHandle evaluate;

  @BeforeAll
  static void load() throws URISyntaxException {
    assumeTrue(TestGpu.isCompiled(), "skipped: this build has no nvcc to compile semantics.cuh");
    URL library =
        Objects.requireNonNull(SemanticsTest.class.getResource("compiled/semantics_host.so"));
    SymbolLookup symbols = SymbolLookup.libraryLookup(Path.of(library.toURI()), Arena.global());
    count = function(symbols, "operation_count", FunctionDescriptor.of(ValueLayout.JAVA_INT));
    name =
        function(
            symbols,
            "operation_name",
            FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    evaluate =
        function(
            symbols,
            "evaluate",
            FunctionDescriptor.ofVoid(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT));
  }

  private static MethodHandle function(
      SymbolLookup symbols, String symbol, FunctionDescriptor signature) {
    return Linker.nativeLinker().downcallHandle(symbols.find(symbol).orElseThrow(), signature);
  }

  private static List<String> names() throws Throwable {
    List<String> names = new ArrayList<>();
    int operations = (int) count.invokeExact();
    for (int i = 0; i < operations; i++) {
      MemorySegment text = (MemorySegment) name.invokeExact(i);
      names.add(text.reinterpret(Long.MAX_VALUE).getString(0));
    }
    return names;
  }

  @Test
  void thereAreEnough() throws Throwable {
    assertTrue(names().size() >= LEAST, names()::toString);
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void theDeviceComputesWhatTheHostDoes(int architecture) throws Throwable {
    TestGpu gpu = new TestGpu(TestGpu.kernels("semantics", architecture));
    List<String> wrong = new ArrayList<>();
    List<String> names = names();
    for (int operation = 0; operation < names.size(); operation++) {
      for (Kind kind : kinds(names.get(operation))) {
        for (int seed = 0; seed < SEEDS; seed++) {
          compare(gpu, operation, names.get(operation), kind, seed, wrong);
        }
      }
    }
    assertEquals(List.of(), wrong);
  }

  /** What operands must look like so that they mean something to an operation. */
  private static List<Kind> kinds(String operation) {
    return switch (operation.charAt(0)) {
      case 'd' -> operation.startsWith("div") ? List.of(Kind.BITS) : List.of(Kind.F64);
      case 'f', 'e' -> List.of(Kind.F32, Kind.BITS);
      default -> List.of(Kind.BITS);
    };
  }

  private static void compare(
      TestGpu gpu, int operation, String name, Kind kind, long seed, List<String> wrong)
      throws Throwable {
    OpHarness operands = new OpHarness(kind, seed);
    int n = operands.a.length;
    long result = gpu.output(8L * n);
    gpu.launch(
        "semantics",
        Shape.of((n + 127) / 128, 128),
        seed,
        operation,
        gpu.upload(operands.a),
        gpu.upload(operands.b),
        gpu.upload(operands.c),
        result,
        n);
    long[] got = gpu.longs(result, n);
    long[] expected = onHost(operation, operands);
    for (int i = 0; i < n; i++) {
      if (got[i] != expected[i]) {
        wrong.add(
            String.format(
                Locale.ROOT,
                "%s(%x, %x, %x) is %x on the host and %x on the device",
                name,
                operands.a[i],
                operands.b[i],
                operands.c[i],
                expected[i],
                got[i]));
        return;
      }
    }
  }

  private static long[] onHost(int operation, OpHarness operands) throws Throwable {
    int n = operands.a.length;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG, n);
      evaluate.invokeExact(
          operation,
          arena.allocateFrom(ValueLayout.JAVA_LONG, operands.a),
          arena.allocateFrom(ValueLayout.JAVA_LONG, operands.b),
          arena.allocateFrom(ValueLayout.JAVA_LONG, operands.c),
          result,
          n);
      return result.toArray(ValueLayout.JAVA_LONG);
    }
  }
}
