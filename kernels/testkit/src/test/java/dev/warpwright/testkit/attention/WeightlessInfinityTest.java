package dev.warpwright.testkit.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.WeightlessInfinity;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WeightlessInfinityTest {
  /** Before and behind the slot with the weight, in a chunk of slots, in a row and in another. */
  @ParameterizedTest
  @CsvSource({
    "F32, 2, 20, 3, 4",
    "F16, 4, 600, 1, 590",
    "F32, 1, 600, 590, 1",
    "F16, 12, 200, 1, 190",
    "BF16, 12, 200, 1, 190",
    "F32, 2, 3000, 1, 2900",
    "F32, 2, 3000, 2900, 1"
  })
  void leavesNoTrace(DType dtype, int group, int length, int infinite, int peak) {
    try (KernelDevice reference = ContractTest.open("reference", 1);
        KernelDevice device = ContractTest.open("cpu", 1)) {
      new WeightlessInfinity(dtype, group, length, infinite, peak).run(reference, device);
    }
  }
}
