package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.FaultInjection;
import dev.warpwright.softgpu.SoftGpuOptions;
import dev.warpwright.softgpu.sim.DeviceMemory;
import dev.warpwright.softgpu.sim.DeviceProfile;
import dev.warpwright.softgpu.sim.OutOfDeviceMemory;
import dev.warpwright.softgpu.sim.Simulator;
import org.jspecify.annotations.Nullable;

/** One simulated device: its memory, what executes kernels on it, and its primary context. */
final class Device {
  private final int ordinal;
  private final DeviceProfile profile;
  private final DeviceMemory memory;
  private final Simulator simulator;
  private final FaultInjection faults;
  private final StringBuilder printed = new StringBuilder();

  @Nullable Context primary;
  int primaryRetained;
  int primaryFlags;

  Device(int ordinal, SoftGpuOptions options, FaultInjection faults) {
    this.ordinal = ordinal;
    this.faults = faults;
    profile = options.devices().get(ordinal);
    memory = new DeviceMemory(Math.min(options.memoryBytes(), profile.memoryBytes()), ordinal);
    simulator = new Simulator(profile, memory, options.simulation(), printed::append);
  }

  int ordinal() {
    return ordinal;
  }

  DeviceProfile profile() {
    return profile;
  }

  DeviceMemory memory() {
    return memory;
  }

  Simulator simulator() {
    return simulator;
  }

  /** Allocates memory; OUT_OF_MEMORY when it does not fit or a test says so. */
  long allocate(long bytes, String call) {
    CudaFailure.require(!faults.refusesAllocation(bytes), CudaResult.OUT_OF_MEMORY);
    try {
      return memory.allocate(bytes, CallSite.label(call));
    } catch (OutOfDeviceMemory e) {
      throw new CudaFailure(CudaResult.OUT_OF_MEMORY);
    }
  }

  /** What kernels have printed since the last call. */
  String takePrinted() {
    String text = printed.toString();
    printed.setLength(0);
    return text;
  }

  /** How much other work may go before a queued copy. */
  int copyDelay() {
    return faults.copyDelay();
  }

  /** Fails when a test has taken the device away. */
  void requirePresent() {
    CudaResult lost = faults.lost(ordinal);
    if (lost != null) {
      throw new CudaFailure(lost);
    }
  }
}
