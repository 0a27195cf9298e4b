package dev.warpwright.softgpu;

import dev.warpwright.softgpu.sim.DeviceProfile;
import dev.warpwright.softgpu.sim.SimOptions;
import java.util.List;

/**
 * What machine is simulated.
 *
 * @param devices the devices by ordinal
 * @param driverVersion version of CUDA that the driver supports, as {@code 1000 * major + 10 *
 *     minor}; newer PTX is refused
 * @param memoryBytes device memory of each device; at most what its profile says
 * @param progress when queued work is executed
 * @param simulation schedule of the kernels and checks; its seed also orders work of different
 *     streams
 */
public record SoftGpuOptions(
    List<DeviceProfile> devices,
    int driverVersion,
    long memoryBytes,
    Progress progress,
    SimOptions simulation) {
  private static final int CUDA_13 = 13_000;

  /** Copies the list. */
  public SoftGpuOptions {
    devices = List.copyOf(devices);
    if (driverVersion < 11_000) {
      throw new IllegalArgumentException(
          "driverVersion " + driverVersion + " must be 11000 or more");
    }
    if (memoryBytes <= 0) {
      throw new IllegalArgumentException("memoryBytes " + memoryBytes + " must be positive");
    }
  }

  /** One H100 with a driver of CUDA 13, lazy progress and all checks. */
  public static SoftGpuOptions standard() {
    return on(DeviceProfile.H100);
  }

  /** The standard machine with these devices. */
  public static SoftGpuOptions on(DeviceProfile... devices) {
    return new SoftGpuOptions(
        List.of(devices), CUDA_13, Long.MAX_VALUE, Progress.LAZY, SimOptions.strict());
  }

  /** The same with another driver. */
  public SoftGpuOptions withDriverVersion(int version) {
    return new SoftGpuOptions(devices, version, memoryBytes, progress, simulation);
  }

  /** The same with less memory. */
  public SoftGpuOptions withMemoryBytes(long bytes) {
    return new SoftGpuOptions(devices, driverVersion, bytes, progress, simulation);
  }

  /** The same with work executed at other times. */
  public SoftGpuOptions withProgress(Progress newProgress) {
    return new SoftGpuOptions(devices, driverVersion, memoryBytes, newProgress, simulation);
  }

  /** The same with another order of streams, blocks, warps and lanes. */
  public SoftGpuOptions withSeed(long seed) {
    return new SoftGpuOptions(
        devices, driverVersion, memoryBytes, progress, simulation.withSeed(seed));
  }
}
