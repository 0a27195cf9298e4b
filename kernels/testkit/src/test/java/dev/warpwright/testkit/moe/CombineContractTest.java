package dev.warpwright.testkit.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CombineContract;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CombineContractTest extends ContractTest {
  CombineContractTest() {
    super(new CombineContract());
  }

  /** The second token has one choice, the third none; the weight of what is left out is NaN. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void weighsAndSums(String provider) {
    Tensor h = Tensor.wrap(new float[] {1, 2, 10, 20, 100, 200}, 3, 2);
    Tensor slots = Tensor.wrap(new int[] {2, 0, -1, 1, -1, -1}, 3, 2);
    float nan = Float.NaN;
    Tensor weights = Tensor.wrap(new float[] {0.5f, 2, nan, -1, nan, nan}, 3, 2);
    Tensor y = Tensor.wrap(new float[6], 3, 2);
    try (KernelDevice device = open(provider, 1);
        Combine combine = device.moe().combine(new CombineSpec(3, 2, 2))) {
      combine.run(h, slots, weights, y);
    }
    assertArrayEquals(new float[] {52, 104, -10, -20, 0, 0}, y.toFloats());
  }

  @Test
  void sameBitsForAnyThreadsAndBatch() {
    int tokens = 200;
    int k = 3;
    int columns = 131;
    CaseRandom random = new CaseRandom(SEED);
    Tensor h = Tensor.wrap(random.normals(tokens * k * columns, 1), tokens * k, columns);
    Tensor slots = Tensor.wrap(random.permutation(tokens * k), tokens, k);
    Tensor weights = Tensor.wrap(random.normals(tokens * k, 1), tokens, k);
    Repeats.assertSameBits(
        (device, from, to) -> {
          Tensor y = Tensor.wrap(new float[(to - from) * columns], to - from, columns);
          try (Combine combine = device.moe().combine(new CombineSpec(tokens, k, columns))) {
            combine.run(h, slots.slice(from, to), weights.slice(from, to), y);
          }
          return y;
        },
        tokens);
  }

  @Test
  void runAllocatesNothing() {
    Tensor h = Tensor.wrap(new float[4 * 67], 4, 67);
    Tensor slots = Tensor.wrap(new int[] {3, 1, -1, 2}, 2, 2);
    Tensor weights = Tensor.wrap(new float[4], 2, 2);
    Tensor y = Tensor.wrap(new float[2 * 67], 2, 67);
    try (KernelDevice device = open("cpu", 1);
        Combine combine = device.moe().combine(new CombineSpec(2, 2, 67))) {
      Repeats.assertNoAllocation(() -> combine.run(h, slots, weights, y));
    }
  }
}
