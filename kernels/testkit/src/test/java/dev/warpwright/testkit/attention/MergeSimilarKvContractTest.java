package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.MergeSimilarKvContract;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MergeSimilarKvContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 2, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(8, 4, 8, DType.F32);
  private static final Masking COUNTED = Masking.CAUSAL.withSlotBias();

  MergeSimilarKvContractTest() {
    super(new MergeSimilarKvContract());
  }

  private static PageTables row(int newTokens, int position, int length, int... pages) {
    return new PageTables(1, 1, 4)
        .begin(1)
        .request(newTokens, position)
        .row(length, pages, 0, pages.length);
  }

  private static MergeSimilarKvSpec spec(double threshold, int prefix, int recents) {
    return new MergeSimilarKvSpec(HEADS, PAGES, 1, threshold, prefix, recents);
  }

  private static Tensor floats(float... values) {
    return Tensor.wrap(values, values.length);
  }

  /** Keys (1, 0), (1, 1) and (0, 1) as first elements, in pages 6 and 3 with two more tokens. */
  private static void fill(Fixture f) {
    fill(f, new float[][] {{1, 0}, {1, 1}, {0, 1}, {0, 0}, {0, 0}});
  }

  /** Five tokens; element 5 of a value is the token's number, from 1 on. */
  private static void fill(Fixture f, float[]... keys) {
    Tensor k = Tensor.wrap(new float[40], 5, 1, 8);
    Tensor v = Tensor.wrap(new float[40], 5, 1, 8);
    for (int token = 0; token < 5; token++) {
      k.setFloat(8L * token, keys[token][0]);
      k.setFloat(8L * token + 1, keys[token][1]);
      v.setFloat(8L * token + 5, token + 1);
    }
    f.append.update(row(5, 0, 5, 6, 3));
    f.append.run(0, k, v);
  }

  /** Neighbours of 45 degrees belong together, zeros to nobody; the second of three has the say. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void knownAnswers(String provider) {
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        SlotArray counts = f.pool.attach("counts", 1, 0);
        MergeSimilarKv plan =
            f.device.attention().mergeSimilarKv(spec(0.7, 0, 0), f.pool, counts)) {
      fill(f);
      counts.tensor().setFloat(counts.at(6, 2), (float) Math.log(3));
      plan.update(row(0, 5, 5, 6, 3));
      Tensor kept = Refusals.ints(new int[5], 5);
      Tensor lengths = Refusals.ints(new int[1], 1, 1);
      plan.run(0, floats(1, 2, 2, 9, 9), kept, lengths);
      assertArrayEquals(new int[] {1, 3, 4, -1, -1}, kept.toInts());
      assertEquals(3, lengths.getInt(0));
      // Distances 1, 0, 1 from the pivot: the variance is 2/3, and weights are e^(-3/4), 1 and
      // three times the first.
      double w = Math.exp(-0.75);
      Tensor[] page = f.exported(6);
      assertEquals((w + 1) / (4 * w + 1), page[0].getFloat(8), 1e-6);
      assertEquals((1 + 3 * w) / (4 * w + 1), page[0].getFloat(9), 1e-6);
      assertEquals((w + 2 + 9 * w) / (4 * w + 1), page[1].getFloat(8 + 5), 1e-6);
      assertEquals((float) Math.log(5), counts.tensor().getFloat(counts.at(6, 1)));
      assertEquals(1, page[2].getInt(1), "the pivot's position");
      assertEquals(0, counts.tensor().getFloat(counts.at(3, 0)));
    }
  }

  /**
   * The cosine may be the threshold itself: the first two are equal, and merged by their counts of
   * one and three alone.
   */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void theThresholdBelongsToIt(String provider) {
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        SlotArray counts = f.pool.attach("counts", 1, 0);
        MergeSimilarKv plan = f.device.attention().mergeSimilarKv(spec(1, 0, 0), f.pool, counts)) {
      fill(f, new float[][] {{2, 0}, {2, 0}, {2, 0.01f}, {0, 0}, {0, 0}});
      counts.tensor().setFloat(counts.at(6, 1), (float) Math.log(3));
      plan.update(row(0, 5, 5, 6, 3));
      Tensor kept = Refusals.ints(new int[5], 5);
      plan.run(0, floats(2, 1, 1, 1, 1), kept, Refusals.ints(new int[1], 1, 1));
      assertArrayEquals(new int[] {0, 2, 3, 4, -1}, kept.toInts());
      Tensor[] page = f.exported(6);
      assertEquals(2, page[0].getFloat(0));
      assertEquals((1 + 3 * 2) / 4f, page[1].getFloat(5));
      assertEquals((float) Math.log(4), counts.tensor().getFloat(counts.at(6, 0)));
    }
  }

  /** Of three slots the first is protected, then the last. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void protectedTokensStay(String provider) {
    int[][] expected = {{0, 1, 3, 4, -1}, {0, 2, 3, 4, -1}};
    int[][] limits = {{1, 0}, {0, 3}};
    for (int i = 0; i < 2; i++) {
      try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
          SlotArray counts = f.pool.attach("counts", 1, 0);
          MergeSimilarKv plan =
              f.device
                  .attention()
                  .mergeSimilarKv(spec(0.7, limits[i][0], limits[i][1]), f.pool, counts)) {
        fill(f);
        plan.update(row(0, 5, 5, 6, 3));
        Tensor kept = Refusals.ints(new int[5], 5);
        plan.run(0, floats(0, 0, Float.NaN, 9, 9), kept, Refusals.ints(new int[1], 1, 1));
        assertArrayEquals(expected[i], kept.toInts());
      }
    }
  }

  /** Equal tokens become one without a trace: the attention to it is that to all of them. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void equalTokensCountAsMany(String provider) {
    CaseRandom random = new CaseRandom(8);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE, COUNTED, 1);
        SlotArray counts = f.pool.attach("counts", 1, 0);
        CompactKv compact =
            f.device.attention().compactKv(new CompactKvSpec(HEADS, PAGES, 1), f.pool);
        MergeSimilarKv plan =
            f.device.attention().mergeSimilarKv(spec(0.999, 0, 0), f.pool, counts)) {
      int[] sets = {3, 1, 5, 2, 1};
      Tensor k = Tensor.wrap(new float[96], 12, 1, 8);
      Tensor v = Tensor.wrap(new float[96], 12, 1, 8);
      int token = 0;
      for (int set : sets) {
        float[] key = random.normals(8, 1);
        float[] value = random.normals(8, 1);
        for (int i = 0; i < set; i++, token++) {
          for (int dim = 0; dim < 8; dim++) {
            k.setFloat(8L * token + dim, key[dim]);
            v.setFloat(8L * token + dim, value[dim]);
          }
        }
      }
      PageTables before = row(12, 0, 12, 6, 3, 1);
      f.append.update(before);
      f.append.run(0, k, v);
      AttentionBias bias = AttentionBias.NONE.withSlotBias(counts);
      Tensor q = Tensor.wrap(random.normals(16, 1), 1, 2, 8);
      Tensor expected = f.output(1);
      Tensor expectedLse = f.lse(1);
      f.decode.update(row(1, 11, 12, 6, 3, 1));
      f.decode.run(0, q, bias, expected, expectedLse, null);

      plan.update(row(0, 12, 12, 6, 3, 1));
      Tensor kept = Refusals.ints(new int[12], 12);
      Tensor lengths = Refusals.ints(new int[1], 1, 1);
      plan.run(0, floats(new float[12]), kept, lengths);
      assertEquals(5, lengths.getInt(0));
      compact.update(row(0, 12, 12, 6, 3, 1), row(0, 12, 5, 6, 3));
      compact.run(0, kept);
      Tensor out = f.output(1);
      Tensor lse = f.lse(1);
      f.decode.update(row(1, 11, 5, 6, 3));
      f.decode.run(0, q, bias, out, lse, null);
      assertArrayEquals(expected.toFloats(), out.toFloats(), 2e-6f);
      assertArrayEquals(expectedLse.toFloats(), lse.toFloats(), 2e-6f);
      // A new token is one again.
      f.append.update(row(1, 12, 6, 6, 3));
      f.append.run(0, k.slice(0, 1), v.slice(0, 1));
      assertEquals(0, counts.tensor().getFloat(counts.at(3, 1)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusals(String provider) {
    Tensor scores = Refusals.floats(5);
    Tensor kept = Refusals.ints(new int[5], 5);
    Tensor lengths = Refusals.ints(new int[1], 1, 1);
    Refusals refusals = new Refusals(scores, kept, lengths);
    Tensor q = Refusals.floats(1, 2, 8);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE, COUNTED, 1);
        Fixture other = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        SlotArray counts = f.pool.attach("counts", 1, 0);
        SlotArray wide = f.pool.attach("wide", 2, 0);
        SlotArray ones = f.pool.attach("ones", 1, 1);
        SlotArray foreign = other.pool.attach("foreign", 1, 0);
        MergeSimilarKv plan =
            f.device.attention().mergeSimilarKv(spec(0.7, 0, 0), f.pool, counts)) {
      refusals.assertRefused(
          "logCounts.width",
          "2",
          "1",
          () -> f.device.attention().mergeSimilarKv(spec(0.7, 0, 0), f.pool, wide));
      refusals.assertRefused(
          "logCounts.initial",
          "1.0",
          "0, of one token",
          () -> f.device.attention().mergeSimilarKv(spec(0.7, 0, 0), f.pool, ones));
      refusals.assertRefused(
          "logCounts.pool",
          "another pool",
          "the plan's pool",
          () -> f.device.attention().mergeSimilarKv(spec(0.7, 0, 0), f.pool, foreign));
      refusals.assertIllegalState(
          "no batch: call update before run", () -> plan.run(0, scores, kept, lengths));
      plan.update(row(0, 5, 5, 6, 3));
      refusals.assertRefused(
          "scores.shape", "[4]", "[5]", () -> plan.run(0, Refusals.floats(4), kept, lengths));
      refusals.assertRefused(
          "lengths.shape",
          "[5]",
          "[1, 1]",
          () -> plan.run(0, scores, kept, Refusals.ints(new int[5], 5)));
      refusals.assertRefused(
          "lengths",
          "memory shared with kept",
          "memory disjoint from kept",
          () -> plan.run(0, scores, kept, kept.slice(0, 1).reshape(1, 1)));
      refusals.assertRefused(
          "tables.page[row 0][1]",
          "6",
          "a page that is in no other place of the tables",
          () -> plan.update(row(0, 5, 5, 6, 6)));
      for (double wrong : new double[] {1.1, -2, Double.NaN}) {
        refusals.assertRefused(
            "threshold", "" + wrong, "a cosine, from −1 to 1", () -> spec(wrong, 0, 0));
      }
      f.decode.update(row(1, 4, 5, 6, 3));
      refusals.assertRefused(
          "bias.slotBias", "null", "not null", () -> f.decode.run(0, q, f.output(1), null));
      refusals.assertRefused(
          "bias.slotBias.width",
          "2",
          "1",
          () -> f.decode.run(0, q, AttentionBias.NONE.withSlotBias(wide), f.output(1), null, null));
      refusals.assertRefused(
          "bias.slotBias.pool",
          "another pool",
          "the plan's pool",
          () ->
              f.decode.run(
                  0, q, AttentionBias.NONE.withSlotBias(foreign), f.output(1), null, null));
      other.decode.update(row(1, 4, 5, 6, 3));
      refusals.assertRefused(
          "bias.slotBias",
          "foreign of 1",
          "null: the masking asks for none",
          () ->
              other.decode.run(
                  0, q, AttentionBias.NONE.withSlotBias(foreign), f.output(1), null, null));
    }
  }

  @Test
  void allocatesNothing() {
    try (Fixture f = new Fixture("cpu", HEADS, PAGES, Rope.NONE);
        SlotArray counts = f.pool.attach("counts", 1, 0);
        MergeSimilarKv plan = f.device.attention().mergeSimilarKv(spec(-1, 0, 0), f.pool, counts)) {
      fill(f);
      plan.update(row(0, 5, 5, 6, 3));
      Tensor scores = Refusals.floats(5);
      Tensor kept = Refusals.ints(new int[5], 5);
      Tensor lengths = Refusals.ints(new int[1], 1, 1);
      Repeats.assertNoAllocation(() -> plan.run(0, scores, kept, lengths));
    }
  }
}
