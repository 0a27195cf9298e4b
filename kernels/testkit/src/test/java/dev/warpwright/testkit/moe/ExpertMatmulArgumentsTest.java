package dev.warpwright.testkit.moe;

import static dev.warpwright.testkit.Refusals.floats;
import static dev.warpwright.testkit.Refusals.ints;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What expertMatmul refuses: before anything is written, saying what and why. */
@SuppressWarnings("try") // resources are closed early to see that they refuse then
class ExpertMatmulArgumentsTest {
  private final Tensor x = floats(2, 3);
  private final Tensor y = floats(4, 5);
  private final Tensor offsets = ints(new int[] {0, 1, 4}, 3);
  private final Tensor order = ints(new int[] {0, 3, -1, 2}, 4);
  private final Refusals refusals = new Refusals(x, y, offsets, order);

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void indices(String provider) {
    try (KernelDevice device = ContractTest.open(provider, 1);
        PreparedExperts w = device.moe().prepare(weights(2, 5, 3));
        ExpertMatmul plan = device.moe().expertMatmul(spec(weights(2, 5, 3), 2))) {
      refusals.assertRefused(
          "order[1]", "4", "-1..3", () -> plan.run(w, offsets, order(0, 4, -1, 2), x, y));
      refusals.assertRefused(
          "order[3]", "-2", "-1..3", () -> plan.run(w, offsets, order(0, 3, -1, -2), x, y));
      refusals.assertRefused(
          "order",
          "null",
          "not null: the plan gathers tokens",
          () -> plan.run(w, offsets, null, x, y));
      refusals.assertRefused(
          "offsets[0]", "1", "0..0", () -> plan.run(w, offsets(1, 1, 4), order, x, y));
      refusals.assertRefused(
          "offsets[2]", "2", "3..4", () -> plan.run(w, offsets(0, 3, 2), order, x, y));
      refusals.assertRefused(
          "offsets[2]", "5", "1..4", () -> plan.run(w, offsets(0, 1, 5), order, x, y));
      refusals.assertRefused(
          "offsets[1]", "-1", "0..4", () -> plan.run(w, offsets(0, -1, 4), order, x, y));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void tensors(String provider) {
    try (KernelDevice device = ContractTest.open(provider, 1);
        PreparedExperts w = device.moe().prepare(weights(2, 5, 3));
        ExpertMatmul plan = device.moe().expertMatmul(spec(weights(2, 5, 3), 2))) {
      refusals.assertRefused(
          "y.shape[0]", "5", "0..4", () -> plan.run(w, offsets, order, x, floats(5, 5)));
      refusals.assertRefused(
          "y.shape", "[4, 3]", "[4, 5]", () -> plan.run(w, offsets, order, x, floats(4, 3)));
      refusals.assertRefused(
          "x.shape", "[2, 4]", "[2, 3]", () -> plan.run(w, offsets, order, floats(2, 4), y));
      refusals.assertRefused(
          "x.shape[0]", "5", "0..4", () -> plan.run(w, offsets, order, floats(5, 3), y));
      refusals.assertRefused("x.rank", "1", "2", () -> plan.run(w, offsets, order, floats(3), y));
      refusals.assertRefused(
          "order.shape", "[3]", "[4]", () -> plan.run(w, offsets, offsets, x, y));
      refusals.assertRefused(
          "offsets.dtype", "F32", "I32", () -> plan.run(w, floats(3), order, x, y));
      refusals.assertRefused(
          "y",
          "memory shared with x",
          "memory disjoint from x",
          () -> plan.run(w, offsets, order, y.slice(0, 1).reshape(5).slice(0, 3).reshape(1, 3), y));
      plan.close();
      refusals.assertIllegalState(
          "plan expertMatmul is closed", () -> plan.run(w, offsets, order, x, y));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void preparedWeights(String provider) {
    try (KernelDevice device = ContractTest.open(provider, 1);
        KernelDevice other = ContractTest.open(provider, 1);
        PreparedExperts w = device.moe().prepare(weights(2, 5, 3));
        PreparedExperts wide = device.moe().prepare(weights(2, 5, 4));
        PreparedExperts foreign = other.moe().prepare(weights(2, 5, 3));
        PreparedExperts gated = device.moe().prepare(gated(2, 5, 3));
        ExpertMatmul plan = device.moe().expertMatmul(spec(weights(2, 5, 3), 2))) {
      refusals.assertRefused(
          "w.shape", "[2, 5, 4]", "[2, 5, 3]", () -> plan.run(wide, offsets, order, x, y));
      refusals.assertRefused(
          "w.device",
          other.place(),
          "the plan's own " + device.place(),
          () -> plan.run(foreign, offsets, order, x, y));
      refusals.assertRefused(
          "w.isGated",
          "true",
          "what activation NONE needs",
          () -> plan.run(gated, offsets, order, x, y));
      w.close();
      w.close();
      refusals.assertRefused(
          "w", "closed", "open weights", () -> plan.run(w, offsets, order, x, y));
      other.close();
      refusals.assertIllegalState(
          "device " + other.place() + " is closed", () -> other.moe().prepare(weights(2, 5, 3)));
    }
  }

  @Test
  void weightLists() {
    refusals.assertRefused("experts", "0", "at least 1", () -> ExpertWeights.plain(List.of()));
    refusals.assertRefused(
        "up.size",
        "1",
        "0 or 2",
        () -> ExpertWeights.gated(weights(2, 5, 3).gate(), weights(1, 5, 3).gate()));
    refusals.assertRefused(
        "up[0]",
        "5×4 Dense[dtype=F32]",
        "5×3 Dense[dtype=F32]",
        () -> ExpertWeights.gated(weights(1, 5, 3).gate(), weights(1, 5, 4).gate()));
    refusals.assertRefused(
        "up",
        "empty",
        "one matrix an expert",
        () -> ExpertWeights.gated(weights(1, 5, 3).gate(), List.of()));
  }

  private static ExpertMatmulSpec spec(ExpertWeights weights, int topK) {
    return ExpertMatmulSpec.of(4, weights, Activation.NONE, topK);
  }

  private static Tensor order(int... values) {
    return ints(values, values.length);
  }

  private static Tensor offsets(int... values) {
    return ints(values, values.length);
  }

  private static ExpertWeights weights(int experts, int outputs, int inputs) {
    Tensor values = Tensor.wrap(new float[outputs * inputs], outputs, inputs);
    return ExpertWeights.plain(Collections.nCopies(experts, new DenseMatrix(values)));
  }

  private static ExpertWeights gated(int experts, int outputs, int inputs) {
    ExpertWeights gate = weights(experts, outputs, inputs);
    return ExpertWeights.gated(gate.gate(), gate.gate());
  }
}
