package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What kernels call: printf, assert, functions, jump tables, the grid's barrier. */
class DeviceCodeTest {
  private static TestGpu gpu(int architecture) {
    return new TestGpu(TestGpu.kernels("device_code", architecture));
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void prints(int architecture) {
    TestGpu gpu = gpu(architecture);
    gpu.launch("say", Shape.of(1, 2), 0, gpu.upload(new int[] {-5, 70}), 2.5f);
    // The second printf of a thread writes no line of its own.
    List<String> lines = gpu.printed.toString().lines().sorted().toList();
    assertEquals(
        List.of(
            "0: -5|   -5|-0005|fffffffb|2.500000|2.5|2.50e+00|text|12345678901|z|100%",
            "12341234", "1: 70|   70|00070|46|2.500000|2.5|2.50e+00|text|12345678901|z|100%"),
        lines);
    assertEquals(2, gpu.ints(gpu.variable("printed_arguments"), 1)[0] / 5);
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void anAssertionNamesItsTextAndPlace(int architecture) {
    TestGpu gpu = gpu(architecture);
    long x = gpu.upload(new int[] {1, 2, 9, 3});
    SimFault fault =
        assertThrows(SimFault.class, () -> gpu.launch("check", Shape.of(1, 4), 0, x, 5));
    assertEquals(SimFault.Kind.ASSERT, fault.kind());
    assertEquals("2, 0, 0", fault.site().thread());
    assertTrue(fault.getMessage().contains("`x[threadIdx.x] < limit` failed in "));
    assertTrue(fault.getMessage().contains("device_code.cu:"), fault.getMessage());
    gpu.launch("check", Shape.of(1, 4), 0, x, 10);
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void choosesACase(int architecture) {
    TestGpu gpu = gpu(architecture);
    int[] x = new int[64];
    Arrays.setAll(x, i -> i % 12);
    long out = gpu.output(4L * x.length);
    gpu.launch("choose", Shape.of(1, x.length), 0, gpu.upload(x), out);
    int[] expected = new int[x.length];
    Arrays.setAll(expected, i -> choose(x[i], i));
    assertArrayEquals(expected, gpu.ints(out, x.length));
  }

  private static int choose(int v, int i) {
    return switch (v) {
      case 0 -> i * 7;
      case 1 -> i ^ 0x55;
      case 2 -> Integer.bitCount(i) + 3;
      case 3 -> i << 3;
      case 4 -> 4 - i;
      case 5 -> i / 6;
      case 6 -> i % 5;
      case 7 -> Integer.numberOfLeadingZeros(i);
      case 8 -> Integer.reverse(i);
      case 9 -> i * i * i;
      default -> -1;
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void callsFunctionsAndFollowsPointersOfTheModule(int architecture) {
    TestGpu gpu = gpu(architecture);
    int[] x = {1, 2, 3, 40, 50, 6, 7, 8};
    long out = gpu.output(4L * x.length);
    gpu.launch("nested", Shape.of(1, x.length), 0, gpu.upload(x), out);
    int[] expected = Arrays.stream(x).map(v -> 2 * (v > 7 ? v * 3 + 1 : v + 11) + 5).toArray();
    assertArrayEquals(expected, gpu.ints(out, x.length));
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void recursesWithFramesOfItsOwn(int architecture) {
    TestGpu gpu = gpu(architecture);
    int[] x = new int[64];
    Arrays.setAll(x, i -> i % 11);
    long out = gpu.output(8L * x.length);
    gpu.launch("recurse", Shape.of(1, x.length), 5, gpu.upload(x), out);
    int[] fibonacci = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55};
    int[] expected = new int[2 * x.length];
    for (int i = 0; i < x.length; i++) {
      expected[2 * i] = fibonacci[x[i]];
      expected[2 * i + 1] = 1000 + x[i] * (x[i] + 1) / 2;
    }
    assertArrayEquals(expected, gpu.ints(out, 2 * x.length));
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void endlessRecursionFillsTheStack(int architecture) {
    TestGpu gpu = gpu(architecture);
    long out = gpu.output(4);
    SimFault fault =
        assertThrows(SimFault.class, () -> gpu.launch("overflow", Shape.of(1, 1), 0, out));
    assertEquals(SimFault.Kind.STACK_OVERFLOW, fault.kind());
    assertTrue(fault.getMessage().contains("endless"), fault.getMessage());
    assertTrue(fault.site().source().contains("device_code.cu:"), fault.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void callsByAddress(int architecture) {
    TestGpu gpu = gpu(architecture);
    int[] x = new int[64];
    Arrays.setAll(x, i -> 100 - 7 * i);
    long out = gpu.output(4L * x.length);
    gpu.launch("call_by_pointer", Shape.of(1, x.length), 1, gpu.upload(x), out);
    int[] expected = new int[x.length];
    Arrays.setAll(expected, i -> i % 3 == 0 ? x[i] + i : i % 3 == 1 ? x[i] - i : x[i] * i);
    assertArrayEquals(expected, gpu.ints(out, x.length));
    gpu.launch("call_virtual", Shape.of(1, x.length), 2, gpu.upload(x), out);
    Arrays.setAll(expected, i -> (x[i] & 1) != 0 ? x[i] * x[i] : i * x[i]);
    assertArrayEquals(expected, gpu.ints(out, x.length));
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void aCallOfNoFunctionIsFound(int architecture) {
    TestGpu gpu = gpu(architecture);
    long x = gpu.upload(new int[32]);
    long out = gpu.output(4 * 32);
    gpu.memory.fill(gpu.variable("operations") + 8, 0, 8, 1);
    SimFault fault =
        assertThrows(
            SimFault.class, () -> gpu.launch("call_by_pointer", Shape.of(1, 32), 0, x, out));
    assertEquals(SimFault.Kind.OUT_OF_BOUNDS, fault.kind());
    assertEquals("1, 0, 0", fault.site().thread());
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void theBlocksOfAGridMeet(int architecture) {
    for (int seed = 0; seed < 20; seed++) {
      TestGpu gpu = gpu(architecture);
      int threads = 5 * 64;
      long x = gpu.output(4L * threads);
      long out = gpu.output(4L * threads);
      gpu.launchCooperative("rotate", Shape.of(5, 64), seed, x, out);
      int[] expected = new int[threads];
      Arrays.setAll(expected, i -> (i + 64) % threads);
      assertArrayEquals(expected, gpu.ints(out, threads));
      assertArrayEquals(
          Arrays.stream(expected).map(i -> (i + 1) % threads).toArray(), gpu.ints(x, threads));
      assertEquals(
          0, gpu.memory.allocations().stream().filter(a -> a.label().contains("grid")).count());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void whatTheGridsBarrierOrdersIsARaceWithoutIt(int architecture) {
    TestGpu gpu = gpu(architecture);
    long x = gpu.output(4L * 5 * 64);
    long out = gpu.output(4L * 5 * 64);
    SimFault fault =
        assertThrows(
            SimFault.class,
            () -> gpu.launchCooperative("rotate_unordered", Shape.of(5, 64), 1, x, out));
    assertTrue(
        List.of(SimFault.Kind.RACE, SimFault.Kind.UNINITIALISED).contains(fault.kind()),
        fault.getMessage());
  }
}
