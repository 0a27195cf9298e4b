package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Good kernels: right results and no report under any schedule, and the same counters again. */
class KernelTest {
  private static final int SEEDS = 100;

  @ParameterizedTest
  @EnumSource
  void computesTheReferenceUnderEverySchedule(Scenario scenario) {
    for (int architecture : new int[] {80, 90}) {
      TestGpu gpu = new TestGpu(TestGpu.kernels("kernels", architecture));
      for (int seed = 0; seed < SEEDS; seed++) {
        scenario.run(gpu, seed);
      }
    }
  }

  /** Where nvcc is the one that made the kept PTX, the kept PTX must be that of today's source. */
  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void theKeptPtxIsUpToDate(int architecture) {
    assumeTrue(TestGpu.isCompiled(), "skipped: this build has no nvcc");
    String kept = TestGpu.keptKernels(architecture);
    String compiled = TestGpu.kernels("kernels", architecture);
    assumeTrue(compiler(kept).equals(compiler(compiled)), "skipped: another nvcc");
    assertEquals(code(kept), code(compiled));
  }

  private static String compiler(String ptx) {
    return ptx.lines().filter(line -> line.contains("Cuda compilation tools")).toList().toString();
  }

  /** Behind the code, there are names that depend on the folder. */
  private static String code(String ptx) {
    return ptx.substring(0, ptx.indexOf(".section"));
  }

  @ParameterizedTest
  @EnumSource
  void countsTheSameAgain(Scenario scenario) {
    String ptx = TestGpu.kernels("kernels", 90);
    LaunchReport first = scenario.run(new TestGpu(ptx), 3);
    assertEquals(first, scenario.run(new TestGpu(ptx), 3));
  }
}
