package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.PagedDecodeContract;
import dev.warpwright.testkit.Repeats;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

  @Test
  void sameBitsInAnyBatchWithAnyThreads() {
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
        PagedDecodeSpec.causal(heads, cache.spec(), count, 4096, Rope.rotateHalf(64, 1e4));
    Repeats.assertSameBits((device, from, to) -> decode(device, spec, cache, q, from, to), count);
  }

  private static Tensor decode(
      KernelDevice device, PagedDecodeSpec spec, CaseCache cache, Tensor q, int from, int to) {
    try (CaseMemory memory = new CaseMemory(new CaseRandom(4));
        KvPool pool = cache.load(device, memory);
        PagedDecode plan = device.attention().pagedDecode(spec, pool)) {
      plan.update(requests(cache.tables(), from, to));
      Tensor out = Tensor.wrap(new float[(to - from) * 6 * 64], to - from, 6, 64);
      plan.run(0, q.slice(from, to), out, null);
      return out;
    }
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
    }
  }
}
