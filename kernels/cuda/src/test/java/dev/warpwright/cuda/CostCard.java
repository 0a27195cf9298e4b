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

  /** Sectors of a load or store of a warp on average; 16 if each lane has 16 bytes. */
  public double sectorsPerAccess() {
    return (double) requestedBytes()
        / SECTOR
        / (sum(LaunchReport::globalLoads) + sum(LaunchReport::globalStores));
  }

  /**
   * What every kernel is held to: memory moves the operands and a tenth more, the second-level
   * cache {@code requested} times as much, shared memory has hardly a conflict, and there is no
   * local memory.
   */
  public void assertTraffic(long operandBytes, double requested) {
    assertTraffic(operandBytes, 1.10, requested);
  }

  /** The same where memory moves {@code unique} times the operands. */
  public void assertTraffic(long operandBytes, double unique, double requested) {
    within("unique bytes", uniqueBytes(), unique * operandBytes);
    within("requested bytes", requestedBytes(), requested * operandBytes);
    within(
        "bank conflicts",
        sum(LaunchReport::bankConflicts),
        0.05 * sum(LaunchReport::sharedWavefronts));
    within("local accesses", sum(LaunchReport::localAccesses), 0);
  }

  /** Accesses are at least so wide, see {@link #sectorsPerAccess}. */
  public void assertWide(double sectors) {
    assertTrue(
        sectorsPerAccess() >= sectors,
        () -> sectorsPerAccess() + " sectors an access, expected " + sectors + " or more");
  }

  private static void within(String what, long value, double most) {
    assertTrue(value <= most, () -> what + ": " + value + ", at most " + most + " allowed");
  }
}
