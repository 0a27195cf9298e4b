package dev.warpwright.testkit.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.testkit.Refusals;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What runs of the attention family refuse: saying what and why, and touching nothing. */
@SuppressWarnings("try") // resources are closed early to see that they refuse then
class AttentionArgumentsTest extends AttentionArguments {
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
}
