package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.RmsNormContract;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // a plan is closed early to see that it refuses then
class RmsNormContractTest extends ContractTest {
  RmsNormContractTest() {
    super(new RmsNormContract());
  }

  @Test
  void knownAnswers() {
    // Mean squares 12.5 and 0.5; with epsilon 3.5 these make 16 and 4.
    Tensor x = Tensor.wrap(new float[] {3, 4, -1, 0}, 2, 2);
    Tensor weight = Tensor.wrap(new float[] {1, 2}, 2);
    Tensor y = Tensor.wrap(new float[4], 2, 2);
    try (KernelDevice device = open("reference", 1);
        RmsNorm plan = device.attention().rmsNorm(new RmsNormSpec(2, 2, 3.5f))) {
      plan.run(x, weight, y);
    }
    assertArrayEquals(new float[] {0.75f, 2, -0.5f, 0}, y.toFloats());
  }

  @Test
  void sameBitsAlways() {
    int rows = 100;
    int columns = 1031;
    Tensor x = Tensor.wrap(new CaseRandom(1).normals(rows * columns, 1), rows, columns);
    Tensor weight = Tensor.wrap(new CaseRandom(2).normals(columns, 1), columns);
    Repeats.assertSameBits(
        (device, from, to) -> {
          Tensor y = Tensor.wrap(new float[(to - from) * columns], to - from, columns);
          try (RmsNorm plan = device.attention().rmsNorm(new RmsNormSpec(rows, columns, 1e-6f))) {
            plan.run(x.slice(from, to), weight, y);
          }
          return y;
        },
        rows);
  }

  @Test
  void allocatesNothing() {
    Tensor x = Tensor.wrap(new CaseRandom(1).normals(2 * 300, 1), 2, 300);
    Tensor weight = Tensor.wrap(new CaseRandom(2).normals(300, 1), 300);
    Tensor y = Tensor.wrap(new float[2 * 300], 2, 300);
    try (KernelDevice device = open("cpu", 1);
        RmsNorm plan = device.attention().rmsNorm(new RmsNormSpec(2, 300, 1e-6f))) {
      Repeats.assertNoAllocation(() -> plan.run(x, weight, y));
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
