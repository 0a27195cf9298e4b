package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageBoundsSpec.Scope;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec.Estimate;
import dev.warpwright.kernels.attention.ScorePagesSpec.Reduction;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.ScorePagesContract;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScorePagesContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 2, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(8, 4, 8, DType.F32);

  ScorePagesContractTest() {
    super(new ScorePagesContract());
  }

  private static PageTables row(int newTokens, int length, int... pages) {
    return new PageTables(1, 1, 4)
        .begin(1)
        .request(newTokens, length - newTokens)
        .row(length, pages, 0, pages.length);
  }

  private static float[] scores(
      Fixture f, Rope rope, Estimate estimate, Reduction reduction, Tensor q, Tensor bounds) {
    ScorePagesSpec spec =
        new ScorePagesSpec(HEADS, PAGES, 1, rope, 0.5f, estimate, 0.25f, reduction);
    try (ScorePages plan = f.device.attention().scorePages(spec, f.pool)) {
      plan.update(row(1, 7, 5, 2));
      Tensor scores = Refusals.floats(2);
      plan.run(0, q, bounds, scores);
      return scores.toFloats();
    }
  }

  /** Page 5 lies within [−2, 4] and [1, 3] of the first two elements, page 2 is all zeros. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void knownAnswers(String provider) {
    Tensor q = Tensor.wrap(new float[16], 1, 2, 8);
    q.setFloat(0, 2);
    q.setFloat(1, -4);
    q.setFloat(8, -2);
    Tensor bounds = Tensor.wrap(new float[8 * 16], 8, 2, 8);
    bounds.setFloat(5 * 16, -2);
    bounds.setFloat(5 * 16 + 1, 1);
    bounds.setFloat(5 * 16 + 8, 4);
    bounds.setFloat(5 * 16 + 9, 3);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE)) {
      // Scaled: (1, −2) gives 4 − 2, and (−1, 0) gives 2.
      float[] max = {2, 0};
      assertArrayEquals(max, scores(f, Rope.NONE, Estimate.BOUND, Reduction.MAX, q, bounds));
      float[] sum = {4, 0};
      assertArrayEquals(sum, scores(f, Rope.NONE, Estimate.BOUND, Reduction.SUM, q, bounds));
      // The key between: (−0.5, 1.5).
      float[] mixed = {0.5f, 0};
      assertArrayEquals(mixed, scores(f, Rope.NONE, Estimate.MIX, Reduction.MAX, q, bounds));
      float[] mixedSum = {-3, 0};
      assertArrayEquals(mixedSum, scores(f, Rope.NONE, Estimate.MIX, Reduction.SUM, q, bounds));
      // Turned by six radians.
      Rope rope = Rope.rotateHalf(2, 1);
      double turned = Math.cos(6) + 2 * Math.sin(6);
      double other = -2 * Math.cos(6) + Math.sin(6);
      double bound = Math.max(-2 * turned, 4 * turned) + Math.max(other, 3 * other);
      // The other head, (−1, 0), is turned to (−cos, −sin).
      bound = Math.max(bound, 2 * Math.cos(6) - 3 * Math.sin(6));
      float got = scores(f, rope, Estimate.BOUND, Reduction.MAX, q, bounds)[0];
      assertEquals(bound, got, 1e-5);
    }
  }

  /** No logit of a key is above the bound of its page. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void boundsTheLogitsOfDecode(String provider) {
    Rope rope = Rope.rotateHalf(8, 1e4);
    CaseRandom random = new CaseRandom(3);
    PageBoundsSpec all = new PageBoundsSpec(HEADS, PAGES, 1, Scope.ALL_TOKENS);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, rope);
        PageBounds look = f.device.attention().pageBounds(all, f.pool);
        ScorePages score =
            f.device
                .attention()
                .scorePages(
                    new ScorePagesSpec(HEADS, PAGES, 1, rope, 1, Estimate.BOUND, 1, Reduction.MAX),
                    f.pool)) {
      int[] pages = IntStream.range(0, 8).toArray();
      f.append.update(row(30, 30, pages));
      f.append.run(
          0,
          Tensor.wrap(random.normals(240, 1), 30, 1, 8),
          Tensor.wrap(random.normals(240, 1), 30, 1, 8));
      PageTables whole = row(1, 30, pages);
      look.update(whole);
      score.update(whole);
      Tensor bounds = Refusals.floats(8, 2, 8);
      Tensor scores = Refusals.floats(8);
      Tensor q = Tensor.wrap(random.normals(16, 1), 1, 2, 8);
      look.run(0, bounds);
      score.run(0, q, bounds, scores);
      for (int page = 0; page < 8; page++) {
        // The mean of exponentials of so many logits is at most the largest of them.
        for (int slot = 0; slot < Math.min(4, 30 - 4 * page); slot++) {
          PageTables some = new PageTables(1, 1, 4).begin(1).request(1, 29);
          some.row(slot + 1, new int[] {page}, 0, 1);
          Tensor lse = f.lse(1);
          f.decode.update(some);
          f.decode.run(0, q, f.output(1), lse);
          float most = Math.max(lse.getFloat(0), lse.getFloat(1)) - (float) Math.log(slot + 1);
          assertTrue(most <= scores.getFloat(page) + 1e-5, "page " + page);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusals(String provider) {
    Tensor q = Refusals.floats(1, 2, 8);
    Tensor bounds = Refusals.floats(8, 2, 8);
    Tensor scores = Refusals.floats(2);
    Refusals refusals = new Refusals(q, bounds, scores);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        ScorePages plan =
            f.device
                .attention()
                .scorePages(ScorePagesSpec.bound(HEADS, PAGES, 2, Rope.NONE), f.pool)) {
      refusals.assertIllegalState(
          "no batch: call update before run", () -> plan.run(0, q, bounds, scores));
      plan.update(row(1, 7, 5, 2));
      refusals.assertRefused(
          "q.shape",
          "[2, 1, 8]",
          "[1, 2, 8]",
          () -> plan.run(0, Refusals.floats(2, 1, 8), bounds, scores));
      refusals.assertRefused(
          "bounds.shape",
          "[7, 2, 8]",
          "[8, 2, 8]",
          () -> plan.run(0, q, Refusals.floats(7, 2, 8), scores));
      refusals.assertRefused(
          "scores.shape", "[3]", "[2]", () -> plan.run(0, q, bounds, Refusals.floats(3)));
      refusals.assertRefused(
          "scores",
          "memory shared with bounds",
          "memory disjoint from bounds",
          () -> plan.run(0, q, bounds, bounds.reshape(128).slice(0, 2)));
      refusals.assertRefused(
          "batch.newTokens[0]", "2", "1 in a decode step", () -> plan.update(row(2, 7, 5, 2)));
      refusals.assertRefused(
          "mix",
          "NaN",
          "a finite number",
          () ->
              new ScorePagesSpec(
                  HEADS, PAGES, 1, Rope.NONE, 1, Estimate.MIX, Float.NaN, Reduction.MAX));
    }
  }

  @Test
  void allocatesNothing() {
    try (Fixture f = new Fixture("cpu", HEADS, PAGES, Rope.NONE);
        ScorePages plan =
            f.device
                .attention()
                .scorePages(ScorePagesSpec.bound(HEADS, PAGES, 1, Rope.NONE), f.pool)) {
      plan.update(row(1, 7, 5, 2));
      Tensor q = Refusals.floats(1, 2, 8);
      Tensor bounds = Refusals.floats(8, 2, 8);
      Tensor scores = Refusals.floats(2);
      Repeats.assertNoAllocation(() -> plan.run(0, q, bounds, scores));
    }
  }
}
