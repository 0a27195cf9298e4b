package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the attention family refuses: saying what and why, and touching nothing. */
@SuppressWarnings("try") // resources are closed early to see that they refuse then
class AttentionArgumentsTest {
  private static final Heads HEADS = new Heads(2, 4, 2, 8);
  private static final KvPoolSpec SPEC = new KvPoolSpec(10, 4, 8, DType.F32);

  private final Tensor q = Refusals.floats(2, 4, 8);
  private final Tensor out = Refusals.floats(2, 4, 8);
  private final Tensor lse = Refusals.floats(2, 4);
  private final Tensor k = Refusals.floats(2, 2, 8);
  private final Tensor v = Refusals.floats(2, 2, 8);
  private final Refusals refusals = new Refusals(q, out, lse, k, v);

  private static Fixture open(String provider) {
    return new Fixture(provider, HEADS, SPEC, Rope.rotateHalf(8, 1e4));
  }

  /** Two requests of one new token each; every row has one page of its own. */
  private static PageTables tables() {
    return tables(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 3);
  }

  private static PageTables tables(int[] pages, int length) {
    PageTables tables = new PageTables(2, 2, 4).begin(2).request(1, 2).request(1, 2);
    for (int row = 0; row < 8; row++) {
      tables.row(length, pages, row, 1);
    }
    return tables;
  }

  private static Tensor[] contents(Fixture f) {
    return f.exported(IntStream.range(0, 10).toArray());
  }

  private static void assertUnchanged(Tensor[] before, Fixture f) {
    Tensor[] now = contents(f);
    for (int i = 0; i < now.length; i++) {
      assertEquals(-1, before[i].segment().mismatch(now[i].segment()), "the pool was changed");
    }
  }

  @AfterEach
  void inputsAreAsTheyWere() {
    assertArrayEquals(Refusals.floats(2, 4, 8).toFloats(), q.toFloats());
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void tablesAtUpdate(String provider) {
    try (Fixture f = open(provider)) {
      Tensor[] before = contents(f);
      refusals.assertRefused("batch", "null", "not null", () -> f.decode.update(null));
      refusals.assertRefused(
          "batch.layers", "1", "2", () -> f.decode.update(new PageTables(1, 2, 4)));
      refusals.assertRefused(
          "batch.kvHeads", "4", "2", () -> f.append.update(new PageTables(2, 4, 4)));
      refusals.assertRefused(
          "tables.pageSize",
          "8",
          "the pool's 4",
          () -> f.prefill.update(new PageTables(2, 2, 8).begin(0)));
      refusals.assertRefused(
          "tables",
          "1 requests and 0 rows",
          "1 requests and 4 rows, as begun",
          () -> f.decode.update(new PageTables(2, 2, 4).begin(1).request(1, 0)));
      refusals.assertRefused(
          "tables.page[row 5][0]",
          "10",
          "0..9",
          () -> f.decode.update(tables(new int[] {0, 1, 2, 3, 4, 10, 6, 7}, 3)));
      refusals.assertRefused(
          "tables.page[row 0][0]",
          "-1",
          "0..9",
          () -> f.append.update(tables(new int[] {-1, 1, 2, 3, 4, 5, 6, 7}, 3)));
      refusals.assertRefused(
          "tables.page[row 7][0]",
          "2",
          "a page that no other row of the batch writes",
          () -> f.append.update(tables(new int[] {0, 1, 2, 3, 4, 5, 6, 2}, 3)));
      refusals.assertRefused(
          "tables.length[row 0]",
          "0",
          "at least the request's 1 new tokens",
          () -> f.append.update(tables(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 0)));
      refusals.assertRefused(
          "length", "5", "0..4", () -> tables(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 5));
      refusals.assertRefused(
          "batch.newTokens[0]",
          "2",
          "1 in a decode step",
          () -> f.decode.update(f.tables(3, 2, 0)));
      refusals.assertRefused(
          "batch.requests",
          "65",
          "0..64",
          () -> f.decode.update(new PageTables(2, 2, 4).begin(65)));
      refusals.assertRefused(
          "batch.tokens", "4097", "0..4096", () -> f.append.update(f.tables(3, 4097, 0)));
      int[] many = new int[1025];
      refusals.assertRefused(
          "batch.maxLength",
          "4100",
          "0..4096",
          () -> {
            PageTables tables = new PageTables(2, 2, 4).begin(1).request(1, 0);
            for (int row = 0; row < 4; row++) {
              tables.row(4100, many, 0, 1025);
            }
            f.prefill.update(tables);
          });
      // A refused update leaves no batch behind.
      f.decode.update(tables());
      assertThrows(IllegalArgumentException.class, () -> f.decode.update(f.tables(3, 2, 0)));
      refusals.assertIllegalState(
          "no batch: call update before run", () -> f.decode.run(0, q, out, lse));
      assertUnchanged(before, f);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void runOfAppend(String provider) {
    try (Fixture f = open(provider)) {
      Tensor[] before = contents(f);
      refusals.assertIllegalState("no batch: call update before run", () -> f.append.run(0, k, v));
      f.append.update(tables());
      refusals.assertRefused("layer", "2", "0..1", () -> f.append.run(2, k, v));
      refusals.assertRefused("layer", "-1", "0..1", () -> f.append.run(-1, k, v));
      refusals.assertRefused("k.shape", "[2, 4, 8]", "[2, 2, 8]", () -> f.append.run(0, q, v));
      refusals.assertRefused("v.shape", "[2, 4]", "[2, 2, 8]", () -> f.append.run(0, k, lse));
      refusals.assertRefused(
          "v.dtype", "I32", "F32", () -> f.append.run(0, k, Refusals.ints(new int[32], 2, 2, 8)));
      refusals.assertRefused("k", "null", "not null", () -> f.append.run(0, null, v));
      assertUnchanged(before, f);
      f.append.close();
      f.append.close();
      refusals.assertIllegalState("plan appendKv is closed", () -> f.append.run(0, k, v));
      refusals.assertIllegalState("plan appendKv is closed", () -> f.append.update(tables()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void runOfDecodeAndPrefill(String provider) {
    try (Fixture f = open(provider)) {
      f.decode.update(tables());
      f.prefill.update(tables());
      refuse((q2, out2, lse2) -> f.decode.run(0, q2, out2, lse2));
      refuse((q2, out2, lse2) -> f.prefill.run(0, q2, out2, lse2));
      refusals.assertRefused("layer", "2", "0..1", () -> f.decode.run(2, q, out, lse));
      refusals.assertRefused("layer", "-1", "0..1", () -> f.prefill.run(-1, q, out, lse));
      f.decode.close();
      f.prefill.close();
      refusals.assertIllegalState("plan pagedDecode is closed", () -> f.decode.run(0, q, out, lse));
      refusals.assertIllegalState(
          "plan pagedPrefill is closed", () -> f.prefill.run(0, q, out, lse));
    }
  }

  private interface Attention {
    void run(Tensor q, Tensor out, Tensor lse);
  }

  private void refuse(Attention attention) {
    refusals.assertRefused(
        "q.shape",
        "[1, 4, 8]",
        "[2, 4, 8]",
        () -> attention.run(Refusals.floats(1, 4, 8), out, lse));
    refusals.assertRefused(
        "q.dtype",
        "I32",
        "F32",
        () -> attention.run(Refusals.ints(new int[64], 2, 4, 8), out, lse));
    refusals.assertRefused("out.shape", "[2, 2, 8]", "[2, 4, 8]", () -> attention.run(q, k, lse));
    refusals.assertRefused(
        "lse.shape", "[2, 4, 8]", "[2, 4]", () -> attention.run(q, out, q.reshape(2, 4, 8)));
    refusals.assertRefused(
        "out", "memory shared with q", "memory disjoint from q", () -> attention.run(q, q, lse));
    refusals.assertRefused(
        "lse",
        "memory shared with q",
        "memory disjoint from q",
        () -> attention.run(q, out, q.reshape(8, 8).slice(7, 8).reshape(2, 4)));
    refusals.assertRefused(
        "lse",
        "memory shared with out",
        "memory disjoint from out",
        () -> attention.run(q, out, out.reshape(8, 8).slice(0, 1).reshape(2, 4)));
    Tensor readOnly = Tensor.wrap(out.segment().asReadOnly(), DType.F32, 2, 4, 8);
    refusals.assertRefused(
        "out", "read-only memory", "writable memory", () -> attention.run(q, readOnly, lse));
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void pools(String provider) {
    try (Fixture f = open(provider);
        KernelDevice other = ContractTest.open(provider, 1);
        KvPool foreign = other.attention().pool(SPEC);
        KvPool small = f.device.attention().pool(new KvPoolSpec(9, 4, 8, DType.F32))) {
      AppendKvSpec append = f.append.spec();
      PagedDecodeSpec decode = f.decode.spec();
      PagedPrefillSpec prefill = f.prefill.spec();
      String place = f.device.place();
      refusals.assertRefused(
          "pool.device",
          place,
          "the plan's own " + place,
          () -> f.device.attention().appendKv(append, foreign));
      refusals.assertRefused(
          "pool.spec",
          small.spec().toString(),
          SPEC.toString(),
          () -> f.device.attention().pagedDecode(decode, small));
      refusals.assertRefused(
          "pool", "null", "not null", () -> f.device.attention().pagedPrefill(prefill, null));
      int[] page = {10};
      Tensor pages = Refusals.floats(1, 4, 8);
      Tensor positions = Refusals.ints(new int[4], 1, 4);
      refusals.assertRefused(
          "pages[0]", "10", "0..9", () -> f.pool.importPages(page, pages, k, positions));
      refusals.assertRefused(
          "pages[1]",
          "3",
          "each page once",
          () ->
              f.pool.importPages(
                  new int[] {3, 3},
                  Refusals.floats(2, 4, 8),
                  Refusals.floats(2, 4, 8),
                  Refusals.ints(new int[8], 2, 4)));
      refusals.assertRefused(
          "values.shape",
          "[2, 2, 8]",
          "[1, 4, 8]",
          () -> f.pool.exportPages(new int[] {1}, pages, k, positions));
      f.decode.update(tables());
      f.pool.close();
      f.pool.close();
      String closed = "KV pool on " + place + " is closed";
      refusals.assertIllegalState(closed, () -> f.decode.run(0, q, out, lse));
      refusals.assertIllegalState(
          closed, () -> f.pool.exportPages(new int[] {1}, pages, pages, positions));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void biasesAndScoresOfDecode(String provider) {
    Masking all = new Masking(true, -1, 0, true, true);
    Tensor slopes = Refusals.floats(4);
    Tensor sinks = Refusals.floats(4);
    AttentionBias bias = new AttentionBias(slopes, sinks);
    Tensor scores = Refusals.floats(12);
    Refusals watch = new Refusals(q, out, lse, slopes, sinks, scores);
    try (Fixture f = open(provider);
        PagedDecode plain = f.device.attention().pagedDecode(f.decode.spec(), f.pool);
        PagedDecode plan =
            f.device
                .attention()
                .pagedDecode(
                    new PagedDecodeSpec(HEADS, SPEC, 4, 64, Rope.NONE, 1, all, ScoreReduction.SUM),
                    f.pool)) {
      plain.update(tables());
      plan.update(tables());
      watch.assertRefused("bias", "null", "not null", () -> plan.run(0, q, null, out, lse, scores));
      watch.assertRefused(
          "bias.slopes",
          "null",
          "not null",
          () -> plan.run(0, q, new AttentionBias(null, sinks), out, lse, scores));
      watch.assertRefused(
          "bias.sinkLogits.shape",
          "[5]",
          "[4]",
          () -> plan.run(0, q, new AttentionBias(slopes, Refusals.floats(5)), out, lse, scores));
      watch.assertRefused(
          "bias.slopes",
          slopes.toString(),
          "null: the masking asks for none",
          () -> plain.run(0, q, bias, out, lse, null));
      watch.assertRefused("scores", "null", "not null", () -> plan.run(0, q, bias, out, lse, null));
      watch.assertRefused(
          "scores",
          scores.toString(),
          "null: the spec asks for none",
          () -> plain.run(0, q, AttentionBias.NONE, out, lse, scores));
      watch.assertRefused(
          "scores.shape",
          "[11]",
          "[12]",
          () -> plan.run(0, q, bias, out, lse, Refusals.floats(11)));
      watch.assertRefused(
          "scores",
          "memory shared with out",
          "memory disjoint from out",
          () -> plan.run(0, q, bias, out, lse, out.reshape(64).slice(3, 15)));
      watch.assertRefused(
          "scores",
          "memory shared with bias.slopes",
          "memory disjoint from bias.slopes",
          () -> {
            Tensor wide = Refusals.floats(12);
            AttentionBias inside = new AttentionBias(wide.slice(4, 8), sinks);
            plan.run(0, q, inside, out, lse, wide);
          });
      watch.assertRefused(
          "out",
          "memory shared with bias.sinkLogits",
          "memory disjoint from bias.sinkLogits",
          () -> {
            Tensor inside = out.reshape(64).slice(0, 4);
            plan.run(0, q, new AttentionBias(slopes, inside), out, lse, scores);
          });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void rmsNorm(String provider) {
    Tensor x = Refusals.floats(2, 3);
    Tensor weight = Refusals.floats(3);
    Tensor y = Refusals.floats(2, 3);
    Refusals norm = new Refusals(x, weight, y);
    try (KernelDevice device = ContractTest.open(provider, 1);
        RmsNorm plan = device.attention().rmsNorm(new RmsNormSpec(2, 3, 0))) {
      norm.assertRefused("x.rank", "1", "2", () -> plan.run(weight, weight, y));
      norm.assertRefused(
          "x.shape[0]", "3", "0..2", () -> plan.run(Refusals.floats(3, 3), weight, y));
      norm.assertRefused("weight.shape", "[2, 3]", "[3]", () -> plan.run(x, y, y));
      norm.assertRefused(
          "y", "memory shared with x", "memory disjoint from x", () -> plan.run(x, weight, x));
      norm.assertRefused(
          "y",
          "memory shared with weight",
          "memory disjoint from weight",
          () -> plan.run(x.slice(0, 1), weight, weight.reshape(1, 3)));
      Tensor readOnly = Tensor.wrap(y.segment().asReadOnly(), DType.F32, 2, 3);
      norm.assertRefused(
          "y", "read-only memory", "writable memory", () -> plan.run(x, weight, readOnly));
      plan.close();
      norm.assertIllegalState("plan rmsNorm is closed", () -> plan.run(x, weight, y));
    }
  }
}
