package dev.warpwright.testkit.reduce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Determinism;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Operation;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.TreeReduceContract;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TreeReduceContractTest extends ContractTest {
  TreeReduceContractTest() {
    super(new TreeReduceContract());
  }

  /** Every number of slots has a tree of its own shape. */
  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void everyNumberOfSlots(int threads) {
    TreeReduceContract contract = new TreeReduceContract();
    try (KernelDevice reference = open("reference", 1);
        KernelDevice device = open("cpu", threads)) {
      for (int slots = 1; slots <= 300; slots++) {
        contract.random(new CaseRandom(SEED + slots), slots).run(reference, device);
      }
    }
  }

  /** The definition, written down a second time: subtrees instead of levels. */
  private static float oracle(float[] leaves, boolean[] there, int from, int span) {
    if (span == 1) {
      return leaves[from];
    }
    int half = span / 2;
    boolean left = any(there, from, half);
    boolean right = any(there, from + half, half);
    if (left && right) {
      return oracle(leaves, there, from, half) + oracle(leaves, there, from + half, half);
    }
    return left
        ? oracle(leaves, there, from, half)
        : right ? oracle(leaves, there, from + half, half) : 0f;
  }

  private static boolean any(boolean[] there, int from, int span) {
    for (int slot = from; slot < Math.min(from + span, there.length); slot++) {
      if (there[slot]) {
        return true;
      }
    }
    return false;
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void agreesWithTheRecursiveDefinition(String provider) {
    CaseRandom random = new CaseRandom(SEED);
    try (KernelDevice device = open(provider, 1)) {
      for (int slots = 1; slots <= 300; slots++) {
        float[] leaves = new float[slots];
        float[] weights = new float[slots];
        boolean[] there = new boolean[slots];
        List<Tensor> rows = new ArrayList<>();
        double sum = 0;
        for (int slot = 0; slot < slots; slot++) {
          there[slot] = random.chance(0.8);
          weights[slot] = random.between(1, 9) / 7f;
          float x = random.normal() * random.oneOf(1f, 1e8f, 1e-40f, -0f);
          leaves[slot] = weights[slot] * x;
          rows.add(there[slot] ? Tensor.wrap(new float[] {x}, 1) : null);
          sum += there[slot] ? weights[slot] : 0;
        }
        float tree = oracle(leaves, there, 0, Integer.highestOneBit(slots) * 2);
        float expected = any(there, 0, slots) ? tree * (float) (1 / sum) : 0f;
        float actual = mean(device, rows, weights)[0];
        assertEquals(Float.floatToIntBits(expected), Float.floatToIntBits(actual), "K=" + slots);
      }
    }
  }

  private static float[] mean(KernelDevice device, List<Tensor> rows, float[] weights) {
    long columns = 1;
    for (Tensor row : rows) {
      columns = row == null ? columns : row.elements();
    }
    Tensor out = Tensor.wrap(new float[(int) columns], columns);
    try (TreeReduce reduce =
        device.reduce().treeReduce(TreeReduceSpec.mean(rows.size(), columns))) {
      reduce.run(rows, weights, out);
    }
    return out.toFloats();
  }

  /** 2^24 swallows a single 1, so each order of additions has an answer of its own. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void knownAnswers(String provider) {
    float big = 0x1p24f;
    try (KernelDevice device = open(provider, 1)) {
      // (2^24 + −0) + (1 + 1); (1 + 2^24) + (1 − 2^24), of which only the first sum is rounded.
      assertArrayEquals(
          new float[] {(big + 2) / 4, 0.25f, 2.5f},
          mean(
              device,
              List.of(row(big, 1, 1), row(-0f, big, 2), row(1, 1, 3), row(1, -big, 4)),
              new float[] {1, 1, 1, 1}));
      // Weights are applied before the sum: (3·2 + 1·10) / 4.
      assertArrayEquals(
          new float[] {4}, mean(device, List.of(row(2), row(10)), new float[] {3, 1}));
      // A missing slot's weight does not count, and its sibling passes.
      assertArrayEquals(
          new float[] {7},
          mean(device, Arrays.asList(null, row(7), null), new float[] {Float.NaN, 2, 5}));
      assertEquals(
          Float.floatToRawIntBits(-0f),
          Float.floatToRawIntBits(
              mean(device, Arrays.asList(null, row(-0f)), new float[] {1, 1})[0]));
    }
  }

  private static Tensor row(float... values) {
    return Tensor.wrap(values, values.length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void allMissingIsPlusZero(String provider) {
    TreeReduceSpec spec = TreeReduceSpec.mean(3, 5);
    Tensor out = row(1, 2, 3, 4, 5);
    try (KernelDevice device = open(provider, 1);
        TreeReduce reduce = device.reduce().treeReduce(spec);
        TreeReduceStream stream = device.reduce().treeReduceStream(spec)) {
      reduce.run(Arrays.asList(null, null, null), new float[3], out);
      assertZero(out);
      out.segment().fill((byte) 1);
      stream.finish(out);
      assertZero(out);
    }
  }

  private static void assertZero(Tensor out) {
    for (float value : out.toFloats()) {
      assertEquals(0, Float.floatToRawIntBits(value));
    }
  }

  /** Aligned chunks of 2^m slots reduced on their own and then combined give the same bits. */
  @Test
  void alignedChunksCombine() {
    int slots = 77;
    int columns = 300;
    CaseRandom random = new CaseRandom(SEED);
    List<Tensor> rows = new ArrayList<>();
    float[] weights = random.normals(slots, 1);
    for (int slot = 0; slot < slots; slot++) {
      rows.add(random.chance(0.1) ? null : row(random.normals(columns, 1)));
    }
    try (KernelDevice device = open("cpu", 2)) {
      Tensor whole = sum(device, rows, weights, columns);
      for (int chunk : new int[] {2, 4, 8, 16, 32, 64}) {
        List<Tensor> parts = new ArrayList<>();
        for (int from = 0; from < slots; from += chunk) {
          int to = Math.min(slots, from + chunk);
          List<Tensor> some = rows.subList(from, to);
          boolean any = some.stream().anyMatch(row -> row != null);
          float[] part = Arrays.copyOfRange(weights, from, to);
          parts.add(any ? sum(device, some, part, columns) : null);
        }
        float[] ones = new float[parts.size()];
        Arrays.fill(ones, 1);
        Tensor combined = sum(device, parts, ones, columns);
        assertEquals(-1, whole.segment().mismatch(combined.segment()), "chunks of " + chunk);
      }
    }
  }

  private static Tensor sum(KernelDevice device, List<Tensor> rows, float[] weights, int columns) {
    TreeReduceSpec spec =
        new TreeReduceSpec(
            rows.size(), columns, DType.F32, Operation.WEIGHTED_SUM, Determinism.CANONICAL);
    Tensor out = Tensor.wrap(new float[columns], columns);
    try (TreeReduce reduce = device.reduce().treeReduce(spec)) {
      reduce.run(rows, weights, out);
    }
    return out;
  }

  /** Repeats catch what only compiled code or another interleaving of threads gets wrong. */
  @Test
  void sameBitsEveryTime() {
    int slots = 37;
    int columns = 40_001;
    CaseRandom random = new CaseRandom(SEED);
    List<Tensor> rows = new ArrayList<>();
    for (int slot = 0; slot < slots; slot++) {
      rows.add(row(random.normals(columns, 1)));
    }
    float[] weights = random.normals(slots, 1);
    try (KernelDevice one = open("cpu", 1);
        KernelDevice four = open("cpu", 4)) {
      Tensor expected = sum(one, rows, weights, columns);
      for (int i = 0; i < 20; i++) {
        assertEquals(-1, expected.segment().mismatch(sum(four, rows, weights, columns).segment()));
        assertEquals(-1, expected.segment().mismatch(sum(one, rows, weights, columns).segment()));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void streamHoldsFewNodes(String provider) {
    int slots = 128;
    int[] ascending = new int[slots];
    Arrays.setAll(ascending, i -> i);
    // All even slots first: no two of them are siblings.
    int[] worst = new int[slots];
    Arrays.setAll(worst, i -> i < slots / 2 ? 2 * i : 2 * (i - slots / 2) + 1);
    assertEquals(8, peak(provider, ascending), "log2 128 + 1");
    assertEquals(65, peak(provider, worst), "128 / 2 + 1");
  }

  private static int peak(String provider, int[] order) {
    Tensor row = row(1, 2, 3);
    Tensor out = row(0, 0, 0);
    try (KernelDevice device = open(provider, 1);
        TreeReduceStream stream =
            device.reduce().treeReduceStream(TreeReduceSpec.mean(order.length, 3))) {
      int peak = 0;
      for (int round = 0; round < 3; round++) {
        for (int slot : order) {
          stream.accept(slot, row, 1);
        }
        stream.finish(out);
        assertArrayEquals(new float[] {1, 2, 3}, out.toFloats());
        assertTrue(round == 0 || peak == stream.peakNodes(), "memory is used again");
        peak = stream.peakNodes();
        assertTrue(stream.workspaceBytes() >= peak * out.bytes(), "memory is accounted for");
      }
      return peak;
    }
  }

  @Test
  void runAllocatesNothing() {
    int slots = 21;
    int columns = 700;
    List<Tensor> rows = new ArrayList<>();
    Tensor native7 = Tensor.allocate(Arena.ofAuto(), DType.F32, columns);
    for (int slot = 0; slot < slots; slot++) {
      rows.add(slot == 3 ? null : slot < 9 ? native7 : row(new float[columns]));
    }
    float[] weights = new float[slots];
    Arrays.fill(weights, 1);
    Tensor out = row(new float[columns]);
    TreeReduceSpec spec = TreeReduceSpec.mean(slots, columns);
    try (KernelDevice device = open("cpu", 1);
        TreeReduce reduce = device.reduce().treeReduce(spec);
        TreeReduceStream stream = device.reduce().treeReduceStream(spec)) {
      assertNoAllocation(() -> reduce.run(rows, weights, out));
      assertNoAllocation(
          () -> {
            for (int slot = 0; slot < slots; slot++) {
              Tensor row = rows.get(slots - 1 - slot);
              if (row != null) {
                stream.accept(slot, row, 1);
              }
            }
            stream.finish(out);
          });
    }
  }

  private static void assertNoAllocation(Runnable run) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE;
    // Until the compiler has removed the short-lived objects of interpreted code.
    for (int round = 0; round < 500 && least > 0; round++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 100; i++) {
        run.run();
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertEquals(0, least, "bytes allocated by 100 runs");
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void whatIsNotBuiltIsRefusedWithTheReason(String provider) {
    try (KernelDevice device = open(provider, 1)) {
      for (TreeReduceSpec spec :
          List.of(
              spec(DType.I8, Determinism.CANONICAL),
              spec(DType.F32, Determinism.ACCURATE),
              spec(DType.F32, Determinism.FIXED_POINT))) {
        Support support = device.support(spec);
        assertFalse(support.supported());
        assertTrue(support.reason().contains("not built yet"), support.reason());
      }
    }
  }

  private static TreeReduceSpec spec(DType rows, Determinism determinism) {
    return new TreeReduceSpec(4, 10, rows, Operation.WEIGHTED_SUM, determinism);
  }
}
