package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.Refusals;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Query tokens at positions of their own, and what they are for: prefixes that are read once. */
class TokenPositionsTest {
  private static final Heads HEADS = new Heads(1, 4, 2, 16);
  private static final KvPoolSpec SPEC = new KvPoolSpec(64, 16, 16, DType.F32);
  private static final Rope ROPE = Rope.rotateHalf(16, 1e4);
  private static final int LENGTH = 170;
  private static final int[] POSITIONS = {169, 3, 40, 150, 40};

  /** Sums in another order, of weights of at most 1 and values of some units. */
  private static final float CLOSE = 1e-5f;

  private final CaseRandom random = new CaseRandom(5);
  private final Masking window = new Masking(true, 20, 0, true, false);
  private final AttentionBias slopes =
      new AttentionBias(Tensor.wrap(new float[] {0.1f, -0.2f, 0, 0.3f}, 4), null);

  private Tensor normals(int tokens, int heads) {
    return Tensor.wrap(random.normals(tokens * heads * 16, 1), tokens, heads, 16);
  }

  /** Two rows of {@code length} slots, with pages of their own from {@code firstPage} on. */
  private static void addRows(PageTables tables, int length, int firstPage) {
    int count = (length + 15) / 16;
    for (int head = 0; head < 2; head++) {
      int first = firstPage + head * count;
      tables.row(length, IntStream.range(first, first + count).toArray(), 0, count);
    }
  }

  private Fixture filled(String provider, Masking masking) {
    Fixture f = new Fixture(provider, HEADS, SPEC, ROPE, masking, 0.25f);
    PageTables prompt = new PageTables(1, 2, 16).begin(1).request(LENGTH, 0);
    addRows(prompt, LENGTH, 0);
    f.append.update(prompt);
    f.append.run(0, normals(LENGTH, 2), normals(LENGTH, 2));
    return f;
  }

  /** One request for all tokens gives what a request for each gives. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void manyTokensOverOneRow(String provider) {
    int n = POSITIONS.length;
    try (Fixture f = filled(provider, window)) {
      PageTables together = new PageTables(1, 2, 16).begin(1).request(POSITIONS);
      addRows(together, LENGTH, 0);
      PageTables apart = new PageTables(1, 2, 16).begin(n);
      for (int position : POSITIONS) {
        apart.request(1, position);
      }
      for (int i = 0; i < n; i++) {
        addRows(apart, LENGTH, 0);
      }
      Tensor q = normals(n, 4);
      Tensor out = f.output(n);
      Tensor lse = f.lse(n);
      Tensor outs = f.output(n);
      Tensor lses = f.lse(n);
      f.prefill.update(together);
      f.prefill.run(0, q, slopes, out, lse);
      f.decode.update(apart);
      f.decode.run(0, q, slopes, outs, lses, null);
      assertArrayEquals(outs.toFloats(), out.toFloats(), CLOSE);
      assertArrayEquals(lses.toFloats(), lse.toFloats(), CLOSE);
      assertEquals(170, together.nextPosition(0));
      assertEquals(40, together.position(0, 4));
    }
  }

  /** The last rows of a window observe from where they stand, too. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void windowOfTokensAtTheirOwnPositions(String provider) {
    WindowScoresSpec spec =
        new WindowScoresSpec(HEADS, SPEC, 8, 64, 256, 3, ROPE, 0.25f, window, ScoreReduction.SUM);
    try (Fixture f = filled(provider, window);
        WindowScores plan = f.device.attention().windowScores(spec, f.pool)) {
      Tensor q = normals(3, 4);
      Tensor lse = Tensor.wrap(new float[12], 3, 4);
      for (int i = 0; i < 12; i++) {
        lse.setFloat(i, 9); // no probability is cut off at 1
      }
      float[][] sums = new float[2][];
      int[][] positions = {{100, 101, 102}, {102, 101, 100}};
      for (int i = 0; i < 2; i++) {
        PageTables tables = new PageTables(1, 2, 16).begin(1).request(positions[i]);
        addRows(tables, LENGTH, 0);
        Tensor sum = Tensor.wrap(new float[2 * LENGTH], 2 * LENGTH);
        plan.update(tables);
        plan.run(0, q, slopes, lse, WindowStatistics.sum(sum));
        sums[i] = sum.toFloats();
      }
      PageTables consecutive = new PageTables(1, 2, 16).begin(1).request(3, 100);
      addRows(consecutive, LENGTH, 0);
      Tensor sum = Tensor.wrap(new float[2 * LENGTH], 2 * LENGTH);
      plan.update(consecutive);
      plan.run(0, q, slopes, lse, WindowStatistics.sum(sum));
      assertArrayEquals(sum.toFloats(), sums[0]);
      assertEquals(0, sums[0][79], "no query sees it");
      assertEquals(true, sums[0][80] > 0 && sums[1][80] > 0, "the first query sees it");
      assertEquals(false, sums[0][100] == sums[1][100], "positions in another order");
    }
  }

  /** A shared prefix read once for all, each sequence's own slots, and both joined. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void cascade(String provider) {
    int prefix = 5 * 16;
    int[] own = {1, 18, 33};
    try (Fixture f = filled(provider, Masking.CAUSAL);
        MergeStates merge = f.device.attention().mergeStates(new MergeStatesSpec(2, 3, 4, 16))) {
      int[] positions = IntStream.of(own).map(length -> prefix + length - 1).toArray();
      PageTables suffixes = new PageTables(1, 2, 16).begin(3);
      PageTables whole = new PageTables(1, 2, 16).begin(3);
      for (int i = 0; i < 3; i++) {
        suffixes.request(own[i], prefix);
        whole.request(1, positions[i]);
      }
      for (int i = 0; i < 3; i++) {
        addRows(suffixes, own[i], 30 + 6 * i);
        for (int head = 0; head < 2; head++) {
          // Pages 0.. and 11.. hold the two heads of the prompt, of which 80 slots are the prefix.
          int count = (own[i] + 15) / 16;
          int firstShared = 11 * head;
          int firstOwn = 30 + 6 * i + head * count;
          int[] pages =
              IntStream.concat(
                      IntStream.range(firstShared, firstShared + 5),
                      IntStream.range(firstOwn, firstOwn + count))
                  .toArray();
          whole.row(prefix + own[i], pages, 0, pages.length);
        }
      }
      f.append.update(suffixes);
      f.append.run(0, normals(52, 2), normals(52, 2));

      Tensor q = normals(3, 4);
      Tensor expected = f.output(3);
      Tensor expectedLse = f.lse(3);
      f.decode.update(whole);
      f.decode.run(0, q, expected, expectedLse);

      Tensor outs = Tensor.wrap(new float[2 * 3 * 64], 2, 3, 4, 16);
      Tensor lses = Tensor.wrap(new float[2 * 12], 2, 3, 4);
      PageTables shared = new PageTables(1, 2, 16).begin(1).request(positions);
      shared.row(prefix, new int[] {0, 1, 2, 3, 4}, 0, 5);
      shared.row(prefix, new int[] {11, 12, 13, 14, 15}, 0, 5);
      f.prefill.update(shared);
      f.prefill.run(0, q, outs.row(0), lses.row(0));
      PageTables last = new PageTables(1, 2, 16).begin(3);
      for (int position : positions) {
        last.request(1, position);
      }
      for (int i = 0; i < 3; i++) {
        addRows(last, own[i], 30 + 6 * i);
      }
      f.decode.update(last);
      f.decode.run(0, q, outs.row(1), lses.row(1));
      Tensor out = f.output(3);
      Tensor lse = f.lse(3);
      merge.run(outs, lses, out, lse);
      assertArrayEquals(expected.toFloats(), out.toFloats(), CLOSE);
      assertArrayEquals(expectedLse.toFloats(), lse.toFloats(), CLOSE);
    }
  }

  /** Keys are rotated at the positions that are noted beside them. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void appends(String provider) {
    int[] positions = {7, 900, 8};
    Tensor k = normals(3, 2);
    try (Fixture f = new Fixture(provider, HEADS, SPEC, ROPE)) {
      PageTables together = new PageTables(1, 2, 16).begin(1).request(positions);
      addRows(together, 3, 0);
      f.append.update(together);
      f.append.run(0, k, k);
      for (int i = 0; i < 3; i++) {
        PageTables alone = new PageTables(1, 2, 16).begin(1).request(1, positions[i]);
        addRows(alone, i + 1, 2);
        f.append.update(alone);
        f.append.run(0, k.slice(i, i + 1), k.slice(i, i + 1));
      }
      assertArrayEquals(f.keys(2, 3).toFloats(), f.keys(0, 1).toFloats());
      assertArrayEquals(positions, IntStream.of(f.exported(0)[2].toInts()).limit(3).toArray());
    }
  }

  @Test
  void refusals() {
    Refusals refusals = new Refusals();
    PageTables tables = new PageTables(1, 2, 16).begin(2);
    refusals.assertRefused(
        "positions[1]", "-1", "0..2147483646", () -> tables.request(new int[] {5, -1}));
    refusals.assertRefused("positions", "null", "not null", () -> tables.request(null));
    tables.request(new int[] {5, 2}).request(new int[] {});
    assertEquals(6, tables.nextPosition(0));
    assertEquals(0, tables.newTokens(1));
    refusals.assertIllegalState(
        "all 2 requests of the batch are there already", () -> tables.request(new int[] {1}));
    // Nothing is left of it in the next batch.
    assertEquals(false, tables.begin(1).request(2, 9).hasTokenPositions());
    assertEquals(10, tables.position(0, 1));
  }
}
