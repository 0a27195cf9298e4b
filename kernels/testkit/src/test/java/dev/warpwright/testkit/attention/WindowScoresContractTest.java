package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.WindowScoresContract;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WindowScoresContractTest extends ContractTest {
  WindowScoresContractTest() {
    super(new WindowScoresContract());
  }

  private static WindowScoresSpec spec(Heads heads, KvPoolSpec pages, int window) {
    return new WindowScoresSpec(
        heads, pages, 64, 4096, 4096, window, Rope.NONE, 1, Masking.CAUSAL, ScoreReduction.SUM);
  }

  /**
   * Keys 0 and ln 3 at positions 0 and 1, queries 1 and 0 at positions 1 and 2, and a third key of
   * 0 at position 2: rows (¼, ¾, –) and (⅓, ⅓, ⅓). A first query, outside the window, counts for
   * nothing.
   */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void knownAnswers(String provider) {
    Heads heads = new Heads(1, 1, 1, 8);
    KvPoolSpec pages = new KvPoolSpec(2, 2, 8, DType.F32);
    try (KernelDevice device = open(provider, 2);
        KvPool pool = device.attention().pool(pages);
        WindowScores plan = device.attention().windowScores(spec(heads, pages, 2), pool)) {
      Tensor keys = Tensor.wrap(new float[32], 2, 2, 8);
      keys.setFloat(8, (float) Math.log(3));
      Tensor values = Tensor.wrap(new float[32], 2, 2, 8);
      pool.importPages(new int[] {1, 0}, keys, values, Tensor.wrap(new int[] {0, 1, 2, 9}, 2, 2));
      PageTables tables = new PageTables(1, 1, 2).begin(1).request(3, 0);
      plan.update(tables.row(3, new int[] {1, 0}, 0, 2));
      Tensor q = Tensor.wrap(new float[24], 3, 1, 8);
      q.setFloat(0, 5);
      q.setFloat(8, 1);
      Tensor lse = Tensor.wrap(new float[] {0, (float) Math.log(4), (float) Math.log(3)}, 3, 1);
      Tensor sum = Tensor.wrap(new float[3], 3);
      Tensor mean = Tensor.wrap(new float[3], 3);
      Tensor variance = Tensor.wrap(new float[3], 3);
      Tensor entropy = Tensor.wrap(new float[3], 3);
      plan.run(0, q, AttentionBias.NONE, lse, new WindowStatistics(sum, mean, variance, entropy));
      assertArrayEquals(new float[] {7 / 12f, 13 / 12f, 1 / 3f}, sum.toFloats(), 1e-6f);
      assertArrayEquals(new float[] {7 / 24f, 13 / 24f, 1 / 6f}, mean.toFloats(), 1e-6f);
      // Of two values a and b the unbiased variance is (a − b)² / 2.
      assertArrayEquals(new float[] {1 / 288f, 25 / 288f, 1 / 18f}, variance.toFloats(), 1e-6f);
      double third = Math.log(3) / 3;
      assertArrayEquals(
          new float[] {
            (float) (Math.log(4) / 4 + third),
            (float) (0.75 * Math.log(4 / 3.0) + third),
            (float) third
          },
          entropy.toFloats(),
          1e-6f);
    }
  }

  /** What a window gives is what an explicit softmax of its rows adds up to. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void sumsOfAllRowsAreWhatTheRowsAddUpTo(String provider) {
    Heads heads = new Heads(1, 4, 2, 16);
    KvPoolSpec pages = new KvPoolSpec(40, 16, 16, DType.F32);
    int tokens = 50;
    CaseRandom random = new CaseRandom(8);
    try (Fixture f = new Fixture(provider, heads, pages, Rope.NONE);
        PagedPrefill prefill =
            f.device
                .attention()
                .pagedPrefill(
                    new PagedPrefillSpec(heads, pages, 4, 64, 4096, Rope.NONE, 1, Masking.CAUSAL),
                    f.pool);
        WindowScores plan = f.device.attention().windowScores(spec(heads, pages, 1000), f.pool)) {
      PageTables tables = f.tables(tokens, tokens, 0);
      f.append.update(tables);
      Tensor k = Tensor.wrap(random.normals(tokens * 32, 1), tokens, 2, 16);
      f.append.run(0, k, k);
      prefill.update(tables);
      plan.update(tables);
      Tensor q = Tensor.wrap(random.normals(tokens * 64, 1), tokens, 4, 16);
      Tensor lse = f.lse(tokens);
      prefill.run(0, q, f.output(tokens), lse);
      Tensor sum = Tensor.wrap(new float[2 * tokens], 2L * tokens);
      plan.run(0, q, AttentionBias.NONE, lse, WindowStatistics.sum(sum));
      double total = 0;
      for (float p : sum.toFloats()) {
        total += p;
      }
      assertEquals(4 * tokens, total, 1e-3, "each query head's row sums up to 1");
    }
  }

  @Test
  void sameBitsInAnyBatchWithAnyThreads() {
    Heads heads = new Heads(1, 6, 2, 64);
    KvPoolSpec pages = new KvPoolSpec(200, 16, 64, DType.F16);
    int[] lengths = {40, 300, 17, 129, 260, 64, 130, 5};
    CaseRandom random = new CaseRandom(4);
    float[] kv = random.normals(300 * 2 * 64, 1);
    Tensor q =
        Tensor.wrap(random.normals(lengths.length * 3 * 6 * 64, 1), lengths.length, 3, 6, 64);
    Tensor lse = Tensor.wrap(random.normals(lengths.length * 18, 1), lengths.length, 18);
    Repeats.assertSameBits(
        (device, from, to) -> {
          try (KvPool pool = device.attention().pool(pages);
              WindowScores plan = device.attention().windowScores(spec(heads, pages, 2), pool);
              AppendKv append =
                  device
                      .attention()
                      .appendKv(new AppendKvSpec(heads, pages, 64, 4096, Rope.NONE), pool)) {
            append.update(tables(lengths, from, to, true));
            int tokens = Arrays.stream(lengths, from, to).sum();
            Tensor k = Tensor.wrap(new float[tokens * 128], tokens, 2, 64);
            for (int i = 0, at = 0; i < to - from; at += lengths[from + i++] * 128) {
              for (int j = 0; j < lengths[from + i] * 128; j++) {
                k.setFloat(at + j, kv[j]);
              }
            }
            append.run(0, k, k);
            PageTables step = tables(lengths, from, to, false);
            plan.update(step);
            Tensor sum = Tensor.wrap(new float[(int) step.slots(0)], step.slots(0));
            Tensor variance = Tensor.wrap(new float[(int) step.slots(0)], step.slots(0));
            plan.run(
                0,
                q.slice(from, to).reshape((to - from) * 3L, 6, 64),
                AttentionBias.NONE,
                lse.slice(from, to).reshape((to - from) * 3L, 6),
                new WindowStatistics(sum, null, variance, null));
            float[] hashes = new float[to - from];
            for (int i = 0; i < hashes.length; i++) {
              long at = step.slotStart(step.rowOf(0, i, 0));
              Tensor[] both = {sum, variance};
              for (Tensor one : both) {
                hashes[i] += Arrays.hashCode(one.slice(at, at + 2L * lengths[from + i]).toFloats());
              }
            }
            return Tensor.wrap(hashes, hashes.length);
          }
        },
        lengths.length);
  }

  /** Tables of some requests with all their tokens new, or the last three. */
  private static PageTables tables(int[] lengths, int from, int to, boolean all) {
    PageTables tables = new PageTables(1, 2, 16).begin(to - from);
    for (int i = from; i < to; i++) {
      int tokens = all ? lengths[i] : 3;
      tables.request(tokens, lengths[i] - tokens);
    }
    int next = 0;
    for (int i = from; i < to; i++) {
      for (int head = 0; head < 2; head++) {
        int[] pages = new int[(lengths[i] + 15) / 16];
        for (int page = 0; page < pages.length; page++) {
          pages[page] = next++;
        }
        tables.row(lengths[i], pages, 0, pages.length);
      }
    }
    return tables;
  }

  @Test
  void allocatesNothing() {
    Heads heads = new Heads(1, 4, 2, 16);
    KvPoolSpec pages = new KvPoolSpec(40, 16, 16, DType.F32);
    try (Fixture f = new Fixture("cpu", heads, pages, Rope.NONE);
        WindowScores plan = f.device.attention().windowScores(spec(heads, pages, 7), f.pool)) {
      plan.update(f.tables(50, 9, 41));
      Tensor q = f.output(9);
      Tensor lse = f.lse(9);
      WindowStatistics result =
          new WindowStatistics(
              Tensor.wrap(new float[100], 100), null, Tensor.wrap(new float[100], 100), null);
      Repeats.assertNoAllocation(() -> plan.run(0, q, AttentionBias.NONE, lse, result));
    }
  }
}
