package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import dev.warpwright.testkit.Refusals;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the kernels of eviction refuse: saying what and why, and touching nothing. */
class EvictionArgumentsTest {
  private static final Heads HEADS = new Heads(1, 2, 2, 8);
  private static final KvPoolSpec SPEC = new KvPoolSpec(10, 4, 8, DType.F32);

  private final Tensor ten = Refusals.floats(10);
  private final Tensor kept = Refusals.ints(new int[10], 10);
  private final Tensor budgets = Refusals.ints(new int[] {3, 3}, 1, 2);
  private final Refusals refusals = new Refusals(ten, kept, budgets);

  private static Fixture open(String provider) {
    return new Fixture(provider, HEADS, SPEC, Rope.NONE);
  }

  /** One request of two rows of five slots. */
  private static PageTables tables(int newTokens) {
    return rows(newTokens, 5, new int[] {0, 1}, 5, new int[] {2, 3});
  }

  private static PageTables rows(
      int newTokens, int first, int[] firstPages, int second, int[] secondPages) {
    return new PageTables(1, 2, 4)
        .begin(1)
        .request(newTokens, 5 - newTokens)
        .row(first, firstPages, 0, firstPages.length)
        .row(second, secondPages, 0, secondPages.length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void windowScores(String provider) {
    WindowScoresSpec spec =
        new WindowScoresSpec(
            HEADS, SPEC, 2, 8, 64, 4, Rope.NONE, 1, Masking.CAUSAL, ScoreReduction.SUM);
    Tensor q = Refusals.floats(3, 2, 8);
    Tensor lse = Refusals.floats(3, 2);
    Refusals watch = new Refusals(q, lse, ten);
    WindowStatistics sum = WindowStatistics.sum(ten);
    try (Fixture f = open(provider);
        WindowScores plan = f.device.attention().windowScores(spec, f.pool)) {
      watch.assertIllegalState(
          "no batch: call update before run", () -> plan.run(0, q, AttentionBias.NONE, lse, sum));
      plan.update(tables(3));
      watch.assertRefused(
          "q.shape",
          "[2, 2, 8]",
          "[3, 2, 8]",
          () -> plan.run(0, Refusals.floats(2, 2, 8), AttentionBias.NONE, lse, sum));
      watch.assertRefused(
          "lse.shape",
          "[3]",
          "[3, 2]",
          () -> plan.run(0, q, AttentionBias.NONE, Refusals.floats(3), sum));
      watch.assertRefused(
          "result", "null", "not null", () -> plan.run(0, q, AttentionBias.NONE, lse, null));
      watch.assertRefused(
          "result.sum.shape",
          "[9]",
          "[10]",
          () -> plan.run(0, q, AttentionBias.NONE, lse, WindowStatistics.sum(Refusals.floats(9))));
      watch.assertRefused(
          "result.entropy",
          "memory shared with result.sum",
          "memory disjoint from result.sum",
          () ->
              plan.run(0, q, AttentionBias.NONE, lse, new WindowStatistics(ten, null, null, ten)));
      watch.assertRefused(
          "result.mean",
          "memory shared with q",
          "memory disjoint from q",
          () -> {
            Tensor inside = q.reshape(48).slice(0, 10);
            plan.run(0, q, AttentionBias.NONE, lse, new WindowStatistics(null, inside, null, null));
          });
      watch.assertRefused(
          "bias.slopes",
          ten.toString(),
          "null: the masking asks for none",
          () -> plan.run(0, q, new AttentionBias(ten, null), lse, sum));
      watch.assertRefused(
          "reduction",
          "NONE",
          "SUM or MEAN",
          () ->
              new WindowScoresSpec(
                  HEADS, SPEC, 2, 8, 64, 4, Rope.NONE, 1, Masking.CAUSAL, ScoreReduction.NONE));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void scoreAccumulate(String provider) {
    ScoreAccumulateSpec spec = new ScoreAccumulateSpec(HEADS, SPEC, 2, Statistic.SUM, false, 1);
    try (Fixture f = open(provider);
        KvPool other = f.device.attention().pool(SPEC);
        SlotArray array = f.pool.attach("scores", 1, 0);
        SlotArray wide = f.pool.attach("wide", 2, 0);
        SlotArray foreign = other.attach("foreign", 1, 0);
        ScoreAccumulate plan = f.device.attention().scoreAccumulate(spec, f.pool, array)) {
      refusals.assertRefused(
          "array.width",
          "2",
          "1 for SUM",
          () -> f.device.attention().scoreAccumulate(spec, f.pool, wide));
      refusals.assertRefused(
          "array.pool",
          "another pool",
          "the plan's pool",
          () -> f.device.attention().scoreAccumulate(spec, f.pool, foreign));
      plan.update(tables(1));
      refusals.assertRefused(
          "scores.shape", "[9]", "[10]", () -> plan.run(0, Refusals.floats(9), null));
      refusals.assertRefused(
          "variances", ten.toString(), "null for SUM", () -> plan.run(0, ten, ten));
      refusals.assertRefused(
          "array",
          "memory shared with scores",
          "memory disjoint from scores",
          () -> plan.run(0, array.tensor().reshape(40).slice(0, 10), null));
      assertEquals(0, array.tensor().getFloat(0));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void selectTokens(String provider) {
    SelectTokensSpec spec = new SelectTokensSpec(HEADS, SPEC, 2, 64, 0, 0);
    try (Fixture f = open(provider);
        SelectTokens plan = f.device.attention().selectTokens(spec, f.pool)) {
      plan.update(tables(1));
      refusals.assertRefused(
          "budgets[1]",
          "-1",
          "at least 0",
          () -> plan.run(0, ten, Refusals.ints(new int[] {3, -1}, 1, 2), kept));
      refusals.assertRefused("budgets.shape", "[10]", "[1, 2]", () -> plan.run(0, ten, kept, kept));
      refusals.assertRefused("kept.dtype", "F32", "I32", () -> plan.run(0, ten, budgets, ten));
      Tensor same = Refusals.ints(new int[10], 10);
      refusals.assertRefused(
          "kept",
          "memory shared with budgets",
          "memory disjoint from budgets",
          () -> plan.run(0, ten, same.slice(0, 2).reshape(1, 2), same));
      refusals.assertRefused(
          "protectedPrefix",
          "-1",
          "0.." + Integer.MAX_VALUE,
          () -> new SelectTokensSpec(HEADS, SPEC, 2, 64, -1, 0));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void compactKv(String provider) {
    try (Fixture f = open(provider);
        CompactKv plan =
            f.device.attention().compactKv(new CompactKvSpec(HEADS, SPEC, 2), f.pool)) {
      PageTables from = tables(1);
      plan.update(from);
      refusals.assertIllegalState(
          "no target: call update(from, to) before run", () -> plan.run(0, kept));
      refusals.assertRefused(
          "to.length[row 1]",
          "6",
          "0..5",
          () -> plan.update(from, rows(1, 5, new int[] {0, 1}, 6, new int[] {2, 3})));
      // Another index of the same row, another row, and one fresh page for two rows.
      for (int[] pages : new int[][] {{1, 1}, {2, 1}}) {
        refusals.assertRefused(
            "to.page[row 0][0]",
            "" + pages[0],
            "the row's own page at this index, or one that is nowhere else",
            () -> plan.update(from, rows(1, 5, pages, 5, new int[] {2, 3})));
      }
      refusals.assertRefused(
          "to.page[row 1][0]",
          "7",
          "the row's own page at this index, or one that is nowhere else",
          () -> plan.update(from, rows(1, 5, new int[] {7, 1}, 5, new int[] {7, 3})));
      plan.update(from, rows(1, 2, new int[] {0}, 2, new int[] {2}));
      for (int[] wrong : new int[][] {{0, 5}, {1, 1}, {2, 0}, {0, -1}}) {
        int[] slots = {wrong[0], wrong[1], -1, -1, -1, 0, 1, -1, -1, -1};
        refusals.assertRefused(
            "kept[1]",
            "" + wrong[1],
            wrong[0] + 1 + "..4 in row 0",
            () -> plan.run(0, Refusals.ints(slots, 10)));
      }
      // Both rows share page 0: it may stay as it is, but nothing may move in it.
      PageTables shared = rows(1, 5, new int[] {0, 1}, 5, new int[] {0, 3});
      plan.update(shared, rows(1, 4, new int[] {0}, 5, new int[] {0, 3}));
      refusals.assertRefused(
          "kept[3]",
          "4",
          "3 in row 0: its page is shared with another row",
          () -> plan.run(0, Refusals.ints(new int[] {0, 1, 2, 4, -1, 0, 1, 2, 3, 4}, 10)));
      plan.run(0, Refusals.ints(new int[] {0, 1, 2, 3, -1, 0, 1, 2, 3, 4}, 10));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void arraysAndCopiesOfPages(String provider) {
    try (Fixture f = open(provider)) {
      long before = MemoryAccount.live();
      SlotArray array = f.pool.attach("numbers", 3, 1);
      assertEquals(10 * 4 * 3 * 4, MemoryAccount.live() - before);
      assertEquals(1, array.tensor().getFloat(119));
      array.tensor().setFloat(array.at(5, 0), 9);
      f.pool.copyPages(new int[] {5, 5}, new int[] {6, 7});
      assertEquals(9, array.tensor().getFloat(array.at(7, 0)));
      assertThrows(InvalidArgumentException.class, () -> f.pool.attach("numbers", 0, 1));
      refusals.assertRefused(
          "to[0]",
          "5",
          "a page that is not in from",
          () -> f.pool.copyPages(new int[] {5}, new int[] {5}));
      refusals.assertRefused(
          "to[1]",
          "6",
          "each page once",
          () -> f.pool.copyPages(new int[] {4, 5}, new int[] {6, 6}));
      refusals.assertRefused(
          "from[0]", "10", "0..9", () -> f.pool.copyPages(new int[] {10}, new int[] {6}));
      array.close();
      array.close();
      assertEquals(before, MemoryAccount.live());
      assertEquals(0, f.pool.arrayCount());
    }
  }
}
