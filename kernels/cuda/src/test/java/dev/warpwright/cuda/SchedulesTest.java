package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuOptions;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractCase;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.KernelContract;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every kernel under many orders of blocks, warps and lanes: the right result, and nothing to
 * complain about.
 */
@EnabledIf(
    value = "dev.warpwright.cuda.Kernels#canRun",
    disabledReason = "no nvcc, or no software GPU on this machine")
class SchedulesTest {
  private static final int SCHEDULES = 20;

  static Stream<KernelContract> kernels() {
    return Kernels.built().stream();
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void everySchedule(KernelContract contract) {
    for (int schedule = 1; schedule <= SCHEDULES; schedule++) {
      try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard().withSeed(schedule))) {
        try (KernelDevice reference = ContractTest.open("reference", 1);
            KernelDevice device = ContractTest.open("cuda", 1)) {
          drawn(contract, schedule, device).run(reference, device);
        }
        assertEquals(List.of(), gpu.complaints(), "schedule " + schedule);
      }
    }
  }

  /**
   * The first random case from a seed that the device supports; for every other one a case of
   * options, where there are some.
   */
  private static ContractCase drawn(KernelContract contract, int schedule, KernelDevice device) {
    List<? extends ContractCase> options =
        contract.optional().stream()
            .filter(option -> device.support(option.spec()).supported())
            .toList();
    if (schedule % 2 == 0 && !options.isEmpty()) {
      return options.get(schedule / 2 % options.size());
    }
    return Stream.iterate(1000L * schedule, next -> next + 1)
        .map(next -> contract.random(new CaseRandom(next)))
        .filter(drawn -> device.support(drawn.spec()).supported())
        .findFirst()
        .orElseThrow();
  }
}
