package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Good kernels: right results and no report under any schedule, and the same counters again. */
class KernelTest {
  private static final int SEEDS = 100;

  @ParameterizedTest
  @EnumSource
  void computesTheReferenceUnderEverySchedule(Scenario scenario) {
    for (int architecture : new int[] {80, 90}) {
      TestGpu gpu = new TestGpu(TestGpu.kernels(architecture));
      for (int seed = 0; seed < SEEDS; seed++) {
        scenario.run(gpu, seed);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void countsTheSameAgain(Scenario scenario) {
    String ptx = TestGpu.kernels(90);
    LaunchReport first = scenario.run(new TestGpu(ptx), 3);
    assertEquals(first, scenario.run(new TestGpu(ptx), 3));
  }
}
