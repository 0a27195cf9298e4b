package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.RmsNormContract;
import org.junit.jupiter.api.Test;

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
}
