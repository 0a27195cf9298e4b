package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.softgpu.ExecutedLaunch;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.sim.LaunchReport;
import java.util.List;
import java.util.function.ToLongFunction;

/** Exact traffic of the launches of a run, for tensors that are on the device. */
public final class CostCard {
  private static final int SECTOR = 32;
  private static final int WIDEST = 16;

  private final List<LaunchReport> launches;

  private CostCard(List<LaunchReport> launches) {
    this.launches = launches;
  }

  /** Runs and counts. */
  public static CostCard of(SoftGpu gpu, KernelDevice device, Runnable run) {
    device.synchronize();
    int before = gpu.launches().size();
    run.run();
    device.synchronize();
    List<ExecutedLaunch> all = gpu.launches();
    return new CostCard(
        all.subList(before, all.size()).stream().map(ExecutedLaunch::report).toList());
  }

  /** Sum of a counter over the launches. */
  public long sum(ToLongFunction<LaunchReport> counter) {
    return launches.stream().mapToLong(counter).sum();
  }

  /** Bytes in the distinct sectors that each launch reads and writes. */
  public long uniqueBytes() {
    return sum(LaunchReport::globalLoadUniqueBytes) + sum(LaunchReport::globalStoreUniqueBytes);
  }

  /** Bytes in the sectors that instructions ask for. */
  public long requestedBytes() {
    return SECTOR * (sum(LaunchReport::globalLoadSectors) + sum(LaunchReport::globalStoreSectors));
  }

  /** Part of the bytes that accesses of 16 bytes a lane move. */
  public double wide() {
    long wide = 0;
    long all = 0;
    for (int width = 1; width <= WIDEST; width *= 2) {
      int bytes = width;
      long moved =
          sum(report -> report.globalLoadWidths().lanes(bytes) * bytes)
              + sum(report -> report.globalStoreWidths().lanes(bytes) * bytes);
      all += moved;
      wide = moved;
    }
    return (double) wide / all;
  }

  /**
   * Holds the launches to a line of {@code costs.tsv}; there is no local memory.
   *
   * @param kernel stem of the kernel
   * @param situation the case, or nothing
   * @param operandBytes bytes of the operands in canonical form, with their metadata
   */
  public void assertCosts(String kernel, String situation, long operandBytes) {
    Costs.Line line = Costs.of(kernel, situation);
    within("unique bytes", uniqueBytes(), line.unique() * operandBytes);
    within("requested bytes", requestedBytes(), line.requested() * operandBytes);
    assertTrue(wide() >= line.wide(), () -> wide() + " of the bytes in accesses of 16 bytes");
    within(
        "bank conflicts",
        sum(LaunchReport::bankConflicts),
        line.conflicts() * sum(LaunchReport::sharedWavefronts));
    within("local accesses", sum(LaunchReport::localAccesses), 0);
  }

  private static void within(String what, long value, double most) {
    assertTrue(value <= most, () -> what + ": " + value + ", at most " + most + " allowed");
  }
}
