package dev.warpwright.cuda.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CapturedRuns;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaProvider;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.CaseRandom;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an eviction on the device promises beside its results. */
@CudaTest
class EvictionCudaTest {
  private static final int LENGTH = 40;
  private static final int PAGE = 16;
  private static final int PAGES = 8;
  private static final Heads HEADS = new Heads(1, 2, 1, 8);
  private static final KvPoolSpec SPEC = new KvPoolSpec(PAGES, PAGE, 8, DType.F32);

  private static CudaKernelDevice open() {
    return (CudaKernelDevice) new CudaProvider().open(OpenOptions.defaults());
  }

  /** A row of the first pages for each length; the first page is that of all rows if shared. */
  private static PageTables tables(boolean shared, int... lengths) {
    PageTables tables = new PageTables(1, 1, PAGE).begin(lengths.length);
    Arrays.stream(lengths).forEach(length -> tables.request(1, LENGTH - 1));
    int next = 0;
    for (int length : lengths) {
      int[] pages = IntStream.range(next, next + 3).toArray();
      pages[0] = shared ? 0 : pages[0];
      tables.row(length, pages, 0, 3);
      next += 3;
    }
    return tables;
  }

  /** A pool whose slots hold their number at all positions and elements. */
  private static KvPool pool(CudaKernelDevice device) {
    KvPool pool = device.attention().pool(SPEC);
    float[] values = new float[PAGES * PAGE * 8];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.floorDiv(i, 8);
    }
    Tensor all = Tensor.wrap(values, PAGES, PAGE, 8);
    int[] positions = IntStream.range(0, PAGES * PAGE).toArray();
    pool.importPages(
        IntStream.range(0, PAGES).toArray(), all, all, Tensor.wrap(positions, PAGES, PAGE));
    return pool;
  }

  private static int[] positions(KvPool pool) {
    int[] positions = new int[PAGES * PAGE];
    Tensor vectors = Tensor.wrap(new float[PAGES * PAGE * 8], PAGES, PAGE, 8);
    Tensor others = Tensor.wrap(new float[PAGES * PAGE * 8], PAGES, PAGE, 8);
    pool.exportPages(
        IntStream.range(0, PAGES).toArray(), vectors, others, Tensor.wrap(positions, PAGES, PAGE));
    for (int i = 0; i < positions.length; i++) {
      assertEquals(positions[i], vectors.getFloat(8L * i + 7), "key " + i);
      assertEquals(positions[i], others.getFloat(8L * i), "value " + i);
    }
    return positions;
  }

  /** Slots that the host has not seen: what is wrong is passed over and reported. */
  @ParameterizedTest
  @CsvSource({"false, 3, -1", "false, 3, 2", "false, 3, 40", "true, 1, 20"})
  void badSlotsAreReported(boolean shared, int at, int slot) {
    int[] slots = new int[2 * LENGTH];
    for (int i = 0; i < 20; i++) {
      slots[i] = shared && i < PAGE ? i : 20 + i;
      slots[LENGTH + i] = shared ? i : 20 + i;
    }
    slots[at] = slot;
    try (CudaKernelDevice device = open();
        KvPool pool = pool(device);
        DeviceTensor kept = device.allocate(DType.I32, 2 * LENGTH);
        CompactKv plan = device.attention().compactKv(new CompactKvSpec(HEADS, SPEC, 2), pool)) {
      plan.update(tables(shared, LENGTH, LENGTH), tables(shared, 20, 20));
      device.copy(Tensor.wrap(slots, slots.length), kept.tensor());
      plan.run(0, kept.tensor());
      InvalidArgumentException e =
          assertThrows(InvalidArgumentException.class, device::synchronize);
      assertTrue(e.getMessage().contains("kept[" + at + "] of compactKv"), e.getMessage());
      int[] positions = positions(pool);
      for (int i = 0; i < 20; i++) {
        assertEquals(i == at || slots[i] == i ? i : slots[i], positions[i], "slot " + i);
      }
    }
  }

  @Test
  void badBudgetsAreReported() {
    try (CudaKernelDevice device = open();
        KvPool pool = pool(device);
        DeviceTensor scores = device.allocate(DType.F32, 2 * LENGTH);
        DeviceTensor budgets = device.allocate(DType.I32, 2, 1);
        DeviceTensor kept = device.allocate(DType.I32, 2 * LENGTH);
        SelectTokens plan =
            device
                .attention()
                .selectTokens(new SelectTokensSpec(HEADS, SPEC, 2, LENGTH, 0, 0), pool)) {
      plan.update(tables(false, LENGTH, LENGTH));
      device.copy(Tensor.wrap(new int[] {-1, 3}, 2, 1), budgets.tensor());
      plan.run(0, scores.tensor(), budgets.tensor(), kept.tensor());
      InvalidArgumentException e =
          assertThrows(InvalidArgumentException.class, device::synchronize);
      assertTrue(e.getMessage().contains("budgets[0] of selectTokens"), e.getMessage());
      int[] chosen = new int[2 * LENGTH];
      device.copy(kept.tensor(), Tensor.wrap(chosen, chosen.length));
      assertEquals(-1, chosen[0]);
      // The second row's positions from 48 on are all behind the query: protected, lower first.
      assertArrayEquals(new int[] {0, 1, 2, -1}, Arrays.copyOfRange(chosen, LENGTH, LENGTH + 4));
    }
  }

  /** Keys beyond what shared memory keeps are computed again. */
  @Test
  void rowsMayBeLong() {
    int length = 11_000;
    KvPoolSpec spec = new KvPoolSpec(length / 100, 100, 8, DType.F16);
    try (CudaKernelDevice device = open();
        KvPool pool = device.attention().pool(spec);
        SelectTokens plan =
            device
                .attention()
                .selectTokens(new SelectTokensSpec(HEADS, spec, 1, length, 0, 0), pool)) {
      int[] pages = IntStream.range(0, length / 100).toArray();
      int[] positions = IntStream.range(0, length).toArray();
      Tensor vectors = Tensor.wrap(new short[length * 8], DType.F16, pages.length, 100, 8);
      pool.importPages(pages, vectors, vectors, Tensor.wrap(positions, pages.length, 100));
      plan.update(
          new PageTables(1, 1, 100)
              .begin(1)
              .request(1, length)
              .row(length, pages, 0, pages.length));
      float[] scores = new float[length];
      for (int slot = 0; slot < length; slot++) {
        scores[slot] = slot % 1000;
      }
      int[] kept = new int[length];
      plan.run(
          0,
          Tensor.wrap(scores, length),
          Tensor.wrap(new int[] {22}, 1, 1),
          Tensor.wrap(kept, length));
      int[] expected = new int[length];
      Arrays.fill(expected, -1);
      for (int i = 0; i < 11; i++) {
        expected[2 * i] = 1000 * i + 998;
        expected[2 * i + 1] = 1000 * i + 999;
      }
      assertArrayEquals(expected, kept);
    }
  }

  /** A step that notes scores and chooses by them, replayed as a graph with other queries. */
  @Test
  void aStepIsCaptured() {
    CaseRandom random = new CaseRandom(3);
    try (CudaKernelDevice device = open();
        KvPool pool = pool(device);
        SlotArray sums = pool.attach("sums", 1, 0);
        DeviceTensor q = device.allocate(DType.F32, 2, 2, 8);
        DeviceTensor out = device.allocate(DType.F32, 2, 2, 8);
        DeviceTensor scores = device.allocate(DType.F32, 2 * LENGTH);
        DeviceTensor budgets = device.allocate(DType.I32, 2, 1);
        DeviceTensor kept = device.allocate(DType.I32, 2 * LENGTH);
        PagedDecode decode =
            device
                .attention()
                .pagedDecode(
                    PagedDecodeSpec.causal(HEADS, SPEC, 2, LENGTH, Rope.NONE)
                        .withScores(ScoreReduction.SUM),
                    pool);
        ScoreAccumulate accumulate =
            device
                .attention()
                .scoreAccumulate(
                    new ScoreAccumulateSpec(HEADS, SPEC, 2, Statistic.SUM, false, 1), pool, sums);
        SelectTokens select =
            device
                .attention()
                .selectTokens(new SelectTokensSpec(HEADS, SPEC, 2, LENGTH, 0, 0), pool)) {
      PageTables step = tables(false, LENGTH, LENGTH);
      decode.update(step);
      accumulate.update(step);
      select.update(step);
      device.copy(Tensor.wrap(new int[] {7, 9}, 2, 1), budgets.tensor());
      Runnable runs =
          () -> {
            decode.run(0, q.tensor(), AttentionBias.NONE, out.tensor(), null, scores.tensor());
            accumulate.run(0, scores.tensor(), null);
            select.run(0, scores.tensor(), budgets.tensor(), kept.tensor());
          };
      try (CapturedRuns captured = device.capture(runs)) {
        for (int round = 1; round <= 2; round++) {
          device.copy(Tensor.wrap(random.normals(32, 0.1f), 2, 2, 8), q.tensor());
          captured.run();
          int[] replayed = chosen(device, kept);
          double noted = sum(device, sums.tensor());
          runs.run();
          assertArrayEquals(chosen(device, kept), replayed);
          // Row 0 alone sees something: each of its two heads gives 1 to its slots, every time.
          assertEquals(2 * (2 * round - 1), noted, 1e-5);
        }
      }
    }
  }

  private static int[] chosen(CudaKernelDevice device, DeviceTensor kept) {
    int[] slots = new int[2 * LENGTH];
    device.copy(kept.tensor(), Tensor.wrap(slots, slots.length));
    return slots;
  }

  private static double sum(CudaKernelDevice device, Tensor array) {
    float[] all = new float[PAGES * PAGE];
    device.copy(array, Tensor.wrap(all, PAGES, PAGE, 1));
    double sum = 0;
    for (float one : all) {
      sum += one;
    }
    return sum;
  }
}
