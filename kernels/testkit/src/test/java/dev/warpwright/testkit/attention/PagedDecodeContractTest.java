package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.PagedDecodeContract;
import dev.warpwright.testkit.Repeats;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PagedDecodeContractTest extends ContractTest {
  private static final Heads ONE = new Heads(1, 1, 1, 8);
  private static final float LN3 = (float) Math.log(3);

  PagedDecodeContractTest() {
    super(new PagedDecodeContract());
  }

  /**
   * Attention of the query e_0 at position 5 over keys (0, ln 3, −ln 3)·e_0 at positions 4, 5, 6
   * with values 4, 8 and 100: first output element and log-sum-exp.
   */
  private static float[] threeKeys(Masking masking, float scale) {
    try (Fixture f =
        new Fixture(
            "reference", ONE, new KvPoolSpec(1, 4, 8, DType.F32), Rope.NONE, masking, scale)) {
      Tensor keys = Tensor.wrap(new float[4 * 8], 1, 4, 8);
      Tensor values = Tensor.wrap(new float[4 * 8], 1, 4, 8);
      keys.setFloat(8, LN3);
      keys.setFloat(16, -LN3);
      values.setFloat(0, 4);
      values.setFloat(8, 8);
      values.setFloat(16, 100);
      Tensor positions = Tensor.wrap(new int[] {4, 5, 6, 0}, 1, 4);
      f.pool.importPages(new int[] {0}, keys, values, positions);
      f.decode.update(f.tables(3, 1, 5));
      Tensor q = Tensor.wrap(new float[] {1, 0, 0, 0, 0, 0, 0, 0}, 1, 1, 8);
      Tensor out = f.output(1);
      Tensor lse = f.lse(1);
      f.decode.run(0, q, out, lse);
      return new float[] {out.getFloat(0), lse.getFloat(0)};
    }
  }

  @Test
  void knownAnswers() {
    // Weights 1 : 3, and 1 : 3 : 1/3 when the key behind the query is visible.
    assertArrayEquals(
        new float[] {7, (float) Math.log(4)}, threeKeys(Masking.CAUSAL, 1), 1e-6f, "causal");
    assertArrayEquals(
        new float[] {(4 + 24 + 100 / 3f) * 3 / 13, (float) Math.log(13 / 3.0)},
        threeKeys(Masking.NONE, 1),
        1e-5f,
        "not causal");
    // Twice the logit: weights 1 : 9.
    assertArrayEquals(
        new float[] {7.6f, (float) Math.log(10)}, threeKeys(Masking.CAUSAL, 2), 1e-6f, "scale");
    assertArrayEquals(
        new float[] {8, LN3},
        threeKeys(new Masking(true, 0, 0, false, false), 1),
        1e-6f,
        "a window of the query's own position");
    // tanh(ln 3) = 0.8, so that cap 1 gives e^0.8 = 2.2255409.
    assertArrayEquals(
        new float[] {(4 + 8 * 2.2255409f) / 3.2255409f, 1.1711006f},
        threeKeys(new Masking(true, -1, 1, false, false), 1),
        1e-6f,
        "cap");
  }

  /**
   * Two query heads of one group over keys (0, ln 3)·e_0, with a sink of ln 4 and a slope of ln 2
   * for the second: weights 1 : 3 of 4 or with the sink of 8, with the slope ½ : 3.
   */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void scoresWithSinksAndSlopes(String provider) {
    Heads heads = new Heads(1, 2, 1, 8);
    Masking masking = new Masking(true, -1, 0, true, true);
    float ln4 = (float) Math.log(4);
    AttentionBias bias =
        new AttentionBias(
            Tensor.wrap(new float[] {0, (float) Math.log(2)}, 2),
            Tensor.wrap(new float[] {ln4, Float.NEGATIVE_INFINITY}, 2));
    KvPoolSpec pages = new KvPoolSpec(2, 2, 8, DType.F32);
    PagedDecodeSpec spec =
        new PagedDecodeSpec(heads, pages, 1, 9, Rope.NONE, 1, masking, ScoreReduction.SUM);
    try (KernelDevice device = open(provider, 2);
        KvPool pool = device.attention().pool(pages);
        PagedDecode plan = device.attention().pagedDecode(spec, pool)) {
      Tensor keys = Tensor.wrap(new float[4 * 8], 2, 2, 8);
      Tensor values = Tensor.wrap(new float[4 * 8], 2, 2, 8);
      keys.setFloat(8, LN3);
      values.setFloat(0, 8);
      values.setFloat(8, 16);
      // The third slot is masked: it lies behind the query.
      pool.importPages(new int[] {1, 0}, keys, values, Tensor.wrap(new int[] {4, 5, 6, 0}, 2, 2));
      PageTables tables = new PageTables(1, 1, 2).begin(1).request(1, 5);
      plan.update(tables.row(3, new int[] {1, 0}, 0, 2));
      Tensor q = Tensor.wrap(new float[16], 1, 2, 8);
      q.setFloat(0, 1);
      q.setFloat(8, 1);
      Tensor out = Tensor.wrap(new float[16], 1, 2, 8);
      Tensor lse = Tensor.wrap(new float[2], 1, 2);
      Tensor scores = Tensor.wrap(new float[3], 3);
      plan.run(0, q, bias, out, lse, scores);
      assertArrayEquals(
          new float[] {1 / 8f + 1 / 7f, 3 / 8f + 6 / 7f, 0}, scores.toFloats(), 1e-6f);
      assertEquals(0, scores.getFloat(2), "masked");
      assertArrayEquals(
          new float[] {(float) Math.log(8), (float) Math.log(3.5)}, lse.toFloats(), 1e-6f);
      assertEquals(7, out.getFloat(0), 1e-5f);
      assertEquals(104 / 7f, out.getFloat(8), 1e-5f);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void nothingVisibleGivesZerosAndMinusInfinity(String provider) {
    try (Fixture f = new Fixture(provider, ONE, new KvPoolSpec(1, 4, 8, DType.F32), Rope.NONE)) {
      f.decode.update(f.tables(0, 1, 0));
      Tensor q = Tensor.wrap(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 1, 1, 8);
      Tensor out = Tensor.wrap(new float[] {9, 9, 9, 9, 9, 9, 9, 9}, 1, 1, 8);
      Tensor lse = f.lse(1);
      f.decode.run(0, q, out, lse);
      assertArrayEquals(new float[8], out.toFloats());
      assertEquals(Float.NEGATIVE_INFINITY, lse.getFloat(0));
    }
  }

  /** A query that is not a number gives what is not a number, however many keys it sees. */
  @ParameterizedTest
  @CsvSource({"reference,F32", "reference,F16", "cpu,F32", "cpu,F16"})
  void aQueryThatIsNanShows(String provider, DType dtype) {
    int most = 300;
    try (Fixture f = new Fixture(provider, ONE, new KvPoolSpec(20, 16, 8, dtype), Rope.NONE)) {
      Tensor k = Tensor.wrap(new CaseRandom(1).normals(most * 8, 1), most, 1, 8);
      Tensor v = Tensor.wrap(new CaseRandom(2).normals(most * 8, 1), most, 1, 8);
      for (int from = 0; from < most; from += 60) {
        f.append.update(f.tables(from + 60, 60, from));
        f.append.run(0, k.slice(from, from + 60), v.slice(from, from + 60));
      }
      Tensor q = Tensor.wrap(new float[] {1, Float.NaN, 1, 1, 1, 1, 1, 1}, 1, 1, 8);
      for (int length : new int[] {1, 2, 15, 16, 17, 31, 33, 128, 129, 145, most}) {
        Tensor out = f.output(1);
        Tensor lse = f.lse(1);
        f.decode.update(f.tables(length, 1, length - 1));
        f.decode.run(0, q, out, lse);
        assertTrue(Float.isNaN(out.getFloat(0)), "output over " + length + " keys");
        assertTrue(Float.isNaN(lse.getFloat(0)), "log-sum-exp over " + length + " keys");
      }
    }
  }

  /** A visible infinity or NaN must show, a masked one must not. */
  @ParameterizedTest
  @CsvSource({"reference,F32", "reference,F16", "cpu,F32", "cpu,F16"})
  void visibleNonFiniteValuesShow(String provider, DType dtype) {
    try (Fixture f = new Fixture(provider, ONE, new KvPoolSpec(2, 16, 8, dtype), Rope.NONE)) {
      Tensor q = Tensor.wrap(new float[] {1, 1, 1, 1, 1, 1, 1, 1}, 1, 1, 8);
      Tensor k = Tensor.wrap(new float[3 * 8], 3, 1, 8);
      Tensor v = Tensor.wrap(new float[3 * 8], 3, 1, 8);
      k.setFloat(16, Float.NaN);
      v.setFloat(17, Float.POSITIVE_INFINITY);
      v.setFloat(8, Float.POSITIVE_INFINITY);
      f.append.update(f.tables(3, 3, 0));
      f.append.run(0, k, v);
      Tensor out = f.output(1);
      f.decode.update(f.tables(3, 1, 1));
      f.decode.run(0, q, out, null);
      assertEquals(Float.POSITIVE_INFINITY, out.getFloat(0), "an infinite value at position 1");
      assertEquals(0, out.getFloat(1), "an infinite value at position 2, masked");
      f.decode.update(f.tables(3, 1, 2));
      f.decode.run(0, q, out, null);
      assertTrue(Float.isNaN(out.getFloat(1)), "a key that is NaN at position 2");
    }
  }

  @ParameterizedTest
  @EnumSource(ScoreReduction.class)
  void sameBitsInAnyBatchWithAnyThreads(ScoreReduction reduction) {
    Heads heads = new Heads(1, 6, 2, 64);
    List<Integer> lengths =
        List.of(5, 3000, 0, 1024, 1025, 130, 2500, 64, 1, 17, 700, 2048, 300, 301, 302, 303);
    CaseCache.Plan plan =
        new CaseCache.Plan(
            heads,
            DType.F16,
            16,
            lengths,
            Collections.nCopies(lengths.size(), 1),
            false,
            false,
            CaseCache.Order.NATURAL,
            1);
    CaseRandom random = new CaseRandom(3);
    CaseCache cache = new CaseCache(random, plan);
    int count = lengths.size();
    Tensor q = Tensor.wrap(random.normals(count * 6 * 64, 1), count, 6, 64);
    PagedDecodeSpec spec =
        PagedDecodeSpec.causal(heads, cache.spec(), count, 4096, Rope.rotateHalf(64, 1e4))
            .withScores(reduction);
    Repeats.assertSameBits((device, from, to) -> decode(device, spec, cache, q, from, to), count);
  }

  private static Tensor decode(
      KernelDevice device, PagedDecodeSpec spec, CaseCache cache, Tensor q, int from, int to) {
    try (CaseMemory memory = new CaseMemory(new CaseRandom(4));
        KvPool pool = cache.load(device, memory);
        PagedDecode plan = device.attention().pagedDecode(spec, pool)) {
      plan.update(requests(cache.tables(), from, to));
      Tensor out = Tensor.wrap(new float[(to - from) * 6 * 64], to - from, 6, 64);
      boolean scored = spec.scores() != ScoreReduction.NONE;
      int slots = (int) requests(cache.tables(), from, to).slots(0);
      Tensor scores = scored ? Tensor.wrap(new float[slots], slots) : null;
      plan.run(0, q.slice(from, to), AttentionBias.NONE, out, null, scores);
      return scored ? hashes(requests(cache.tables(), from, to), scores) : out;
    }
  }

  /** The scores of each request as one number, so that there is a row a request. */
  private static Tensor hashes(PageTables tables, Tensor scores) {
    float[] hashes = new float[tables.requests()];
    for (int request = 0; request < hashes.length; request++) {
      long from = tables.slotStart(tables.rowOf(0, request, 0));
      long to = from + 2L * tables.length(tables.rowOf(0, request, 0));
      hashes[request] = Arrays.hashCode(scores.slice(from, to).toFloats());
    }
    return Tensor.wrap(hashes, hashes.length);
  }

  private static PageTables requests(PageTables all, int from, int to) {
    PageTables some = new PageTables(1, all.kvHeads(), all.pageSize()).begin(to - from);
    for (int request = from; request < to; request++) {
      some.request(1, all.firstPosition(request));
      for (int head = 0; head < all.kvHeads(); head++) {
        int row = all.rowOf(0, request, head);
        int[] pages = new int[all.pageCount(row)];
        for (int i = 0; i < pages.length; i++) {
          pages[i] = all.page(row, i);
        }
        some.row(all.length(row), pages, 0, pages.length);
      }
    }
    return some;
  }

  @ParameterizedTest
  @CsvSource({"F32,16", "F16,16", "F32,5", "F16,1"})
  void allocatesNothing(DType dtype, int pageSize) {
    Heads heads = new Heads(1, 8, 2, 64);
    try (Fixture f =
        new Fixture(
            "cpu", heads, new KvPoolSpec(200, pageSize, 64, dtype), Rope.rotateHalf(64, 1e4))) {
      f.decode.update(f.tables(90, 1, 89));
      Tensor q = f.output(1);
      Tensor out = f.output(1);
      Tensor lse = f.lse(1);
      Repeats.assertNoAllocation(() -> f.decode.run(0, q, out, lse));
      try (PagedDecode scored =
          f.device
              .attention()
              .pagedDecode(f.decode.spec().withScores(ScoreReduction.SUM), f.pool)) {
        scored.update(f.tables(90, 1, 89));
        Tensor scores = Tensor.wrap(new float[180], 180);
        Repeats.assertNoAllocation(() -> scored.run(0, q, AttentionBias.NONE, out, lse, scores));
      }
    }
  }
}
