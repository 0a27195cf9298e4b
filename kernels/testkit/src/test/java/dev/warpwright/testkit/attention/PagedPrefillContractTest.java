package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.PagedPrefillContract;
import dev.warpwright.testkit.Repeats;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PagedPrefillContractTest extends ContractTest {
  PagedPrefillContractTest() {
    super(new PagedPrefillContract());
  }

  @Test
  void knownAnswers() {
    // All keys are zero, so that a token's output is the mean of the values up to its own.
    Heads heads = new Heads(1, 2, 1, 8);
    try (Fixture f =
        new Fixture("reference", heads, new KvPoolSpec(2, 2, 8, DType.F32), Rope.NONE)) {
      Tensor k = Tensor.wrap(new float[3 * 8], 3, 1, 8);
      Tensor v = Tensor.wrap(new float[3 * 8], 3, 1, 8);
      v.setFloat(0, 6);
      v.setFloat(8, 2);
      v.setFloat(16, 1);
      f.append.update(f.tables(3, 3, 0));
      f.append.run(0, k, v);
      f.prefill.update(f.tables(3, 3, 0));
      Tensor q = f.output(3);
      q.segment().fill((byte) 0x3f);
      Tensor out = f.output(3);
      Tensor lse = f.lse(3);
      f.prefill.run(0, q, out, lse);
      for (int head = 0; head < 2; head++) {
        assertEquals(6, out.getFloat(8L * head));
        assertEquals(4, out.getFloat(16 + 8L * head));
        assertEquals(3, out.getFloat(32 + 8L * head));
        assertEquals((float) Math.log(3), lse.getFloat(4 + head));
      }
    }
  }

  /** Masked keys leave no trace, not even in rounding: so chunks give the bits of the whole. */
  @ParameterizedTest
  @CsvSource({"reference,F32,16", "cpu,F32,16", "cpu,F16,16", "cpu,F16,3", "cpu,F32,64"})
  void chunksGiveWhatTheWholeGives(String provider, DType dtype, int pageSize) {
    Heads heads = new Heads(2, 6, 2, 16);
    int tokens = 150;
    CaseRandom random = new CaseRandom(5);
    Tensor k = Tensor.wrap(random.normals(tokens * 2 * 16, 1), tokens, 2, 16);
    Tensor v = Tensor.wrap(random.normals(tokens * 2 * 16, 1), tokens, 2, 16);
    Tensor q = Tensor.wrap(random.normals(tokens * 6 * 16, 1), tokens, 6, 16);
    KvPoolSpec spec = new KvPoolSpec(4 * (tokens / pageSize + 1), pageSize, 16, dtype);
    try (Fixture f = new Fixture(provider, heads, spec, Rope.rotateHalf(16, 1e4))) {
      Tensor whole = f.output(tokens);
      Tensor wholeLse = f.lse(tokens);
      step(f, 0, tokens, k, v, q, whole, wholeLse);
      Tensor parts = f.output(tokens);
      Tensor partsLse = f.lse(tokens);
      int from = 0;
      for (int to : new int[] {1, 1, 17, 18, 100, tokens}) {
        step(
            f,
            from,
            to,
            k.slice(from, to),
            v.slice(from, to),
            q.slice(from, to),
            parts.slice(from, to),
            partsLse.slice(from, to));
        from = to;
      }
      assertArrayEquals(whole.toFloats(), parts.toFloats());
      assertArrayEquals(wholeLse.toFloats(), partsLse.toFloats());

      // A decode step is a prefill of one token; its keys may be added in another order, which
      // rounds
      // a sum of a few units differently.
      PageTables last = f.tables(tokens, 1, tokens - 1);
      f.decode.update(last);
      Tensor out = f.output(1);
      f.decode.run(1, q.slice(tokens - 1, tokens), out, null);
      assertArrayEquals(whole.slice(tokens - 1, tokens).toFloats(), out.toFloats(), 4e-6f);
    }
  }

  private static void step(
      Fixture f, int from, int to, Tensor k, Tensor v, Tensor q, Tensor out, Tensor lse) {
    PageTables tables = f.tables(to, to - from, from);
    f.append.update(tables);
    f.prefill.update(tables);
    f.append.run(1, k, v);
    f.prefill.run(1, q, out, lse);
  }

  @Test
  void sameBitsWithAnyThreads() {
    Heads heads = new Heads(1, 6, 2, 64);
    CaseCache.Plan plan =
        new CaseCache.Plan(
            heads,
            DType.F32,
            16,
            List.of(300),
            List.of(60),
            false,
            false,
            CaseCache.Order.NATURAL,
            1);
    CaseRandom random = new CaseRandom(3);
    CaseCache cache = new CaseCache(random, plan);
    Tensor q = Tensor.wrap(random.normals(60 * 6 * 64, 1), 60, 6, 64);
    PagedPrefillSpec spec =
        PagedPrefillSpec.causal(heads, cache.spec(), 1, 60, 300, Rope.rotateHalf(64, 1e4));
    Repeats.assertSameBits((device, from, to) -> prefill(device, spec, cache, q, from, to), 60);
  }

  private static Tensor prefill(
      KernelDevice device, PagedPrefillSpec spec, CaseCache cache, Tensor q, int from, int to) {
    try (CaseMemory memory = new CaseMemory(new CaseRandom(4));
        KvPool pool = cache.load(device, memory);
        PagedPrefill plan = device.attention().pagedPrefill(spec, pool)) {
      PageTables all = cache.tables();
      PageTables some =
          new PageTables(1, 2, all.pageSize()).begin(1).request(to - from, 240 + from);
      for (int row = 0; row < 2; row++) {
        int[] pages = new int[all.pageCount(row)];
        for (int i = 0; i < pages.length; i++) {
          pages[i] = all.page(row, i);
        }
        some.row(all.length(row), pages, 0, pages.length);
      }
      plan.update(some);
      Tensor out = Tensor.wrap(new float[(to - from) * 6 * 64], to - from, 6, 64);
      plan.run(0, q.slice(from, to), out, null);
      return out;
    }
  }

  @ParameterizedTest
  @CsvSource({"F32,16", "F16,16", "F16,1"})
  void allocatesNothing(DType dtype, int pageSize) {
    Heads heads = new Heads(1, 8, 2, 64);
    try (Fixture f =
        new Fixture(
            "cpu", heads, new KvPoolSpec(100, pageSize, 64, dtype), Rope.rotateHalf(64, 1e4))) {
      f.prefill.update(f.tables(40, 3, 37));
      Tensor q = f.output(3);
      Tensor out = f.output(3);
      Tensor lse = f.lse(3);
      Repeats.assertNoAllocation(() -> f.prefill.run(0, q, out, lse));
    }
  }
}
