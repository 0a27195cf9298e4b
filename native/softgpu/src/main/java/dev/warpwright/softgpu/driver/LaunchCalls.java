package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.FaultInjection.LaunchFault;
import dev.warpwright.softgpu.driver.Graph.Kind;
import dev.warpwright.softgpu.driver.LoadedModule.Function;
import dev.warpwright.softgpu.sim.DeviceProfile;
import dev.warpwright.softgpu.sim.Entry;
import dev.warpwright.softgpu.sim.Launch;
import dev.warpwright.softgpu.sim.SimFault;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Kernel launches. Arguments are checked and copied at once, the kernel runs when its turn comes.
 */
final class LaunchCalls {
  /** A launch takes more of the made-up time than other work. */
  private static final int MICROSECONDS = 10;

  private final Driver driver;

  LaunchCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuLaunchKernel")
  void launch(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int blockZ,
      int shared,
      long stream,
      MemorySegment parameters,
      MemorySegment extra) {
    driver.context();
    CudaFailure.require(CMemory.isNull(extra), CudaResult.NOT_SUPPORTED);
    Function kernel = driver.handles().get(function, Function.class);
    byte[] packed = pack(kernel.entry(), parameters);
    submit(
        kernel,
        stream,
        new Launch(
            kernel.entry(), gridX, gridY, gridZ, blockX, blockY, blockZ, shared, packed, false));
  }

  /** A launch for a node of a graph. */
  Runnable prepare(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int blockZ,
      int shared,
      MemorySegment parameters,
      MemorySegment extra) {
    driver.context();
    CudaFailure.require(CMemory.isNull(extra), CudaResult.NOT_SUPPORTED);
    Function kernel = driver.handles().get(function, Function.class);
    byte[] packed = pack(kernel.entry(), parameters);
    Launch launch =
        new Launch(
            kernel.entry(), gridX, gridY, gridZ, blockX, blockY, blockZ, shared, packed, false);
    checkSize(kernel, launch);
    return () -> execute(kernel.module().context().device(), launch);
  }

  @CudaEntry("cuLaunchCooperativeKernel")
  void launchCooperative(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int blockZ,
      int shared,
      long stream,
      MemorySegment parameters) {
    driver.context();
    Function kernel = driver.handles().get(function, Function.class);
    byte[] packed = pack(kernel.entry(), parameters);
    submit(
        kernel,
        stream,
        new Launch(
            kernel.entry(), gridX, gridY, gridZ, blockX, blockY, blockZ, shared, packed, true));
  }

  /** Copies every argument to its place, as the kernel's declaration says. */
  private static byte[] pack(Entry entry, MemorySegment parameters) {
    byte[] packed = new byte[entry.parameterBytes()];
    for (int i = 0; i < entry.parameters().size(); i++) {
      Entry.Parameter parameter = entry.parameters().get(i);
      MemorySegment argument = CMemory.at(CMemory.getLong(parameters, i), parameter.bytes());
      MemorySegment.copy(
          argument, ValueLayout.JAVA_BYTE, 0, packed, parameter.offset(), parameter.bytes());
    }
    return packed;
  }

  private void submit(Function kernel, long handle, Launch launch) {
    CudaStream stream = driver.stream(handle);
    Context context = kernel.module().context();
    CudaFailure.require(context == stream.context(), CudaResult.INVALID_HANDLE);
    checkSize(kernel, launch);
    context.submit(stream, Kind.KERNEL, () -> execute(context.device(), launch));
  }

  private static void checkSize(Function kernel, Launch launch) {
    DeviceProfile profile = kernel.module().context().device().profile();
    CudaFailure.require(launch.gridX() >= 1);
    CudaFailure.require(launch.gridY() >= 1 && launch.gridY() <= LaunchLimits.MAX_GRID_YZ);
    CudaFailure.require(launch.gridZ() >= 1 && launch.gridZ() <= LaunchLimits.MAX_GRID_YZ);
    int most = Math.min(profile.maxThreadsPerBlock(), kernel.entry().maxThreads());
    CudaFailure.require(launch.blockX() >= 1 && launch.blockX() <= most);
    CudaFailure.require(launch.blockY() >= 1 && launch.blockY() <= most);
    CudaFailure.require(launch.blockZ() >= 1 && launch.blockZ() <= LaunchLimits.MAX_BLOCK_Z);
    CudaFailure.require((long) launch.blockX() * launch.blockY() * launch.blockZ() <= most);
    CudaFailure.require(
        launch.dynamicShared() >= 0 && launch.dynamicShared() <= kernel.maxDynamicShared);
    if (launch.cooperative()) {
      long resident = Occupancy.blocks(kernel, launch.threads(), launch.dynamicShared());
      CudaFailure.require(
          launch.blocks() <= resident * profile.multiprocessors(),
          CudaResult.COOPERATIVE_LAUNCH_TOO_LARGE);
    }
  }

  private void execute(Device device, Launch launch) {
    driver.queues().spend(MICROSECONDS);
    LaunchFault ordered = driver.faults().onLaunch(launch);
    if (ordered != null) {
      throw new LaunchFailure(ordered.result(), ordered.sticky());
    }
    try {
      driver.executed(launch.entry().name(), device.simulator().run(launch));
    } catch (SimFault e) {
      driver.found(e);
      throw new LaunchFailure(result(e.kind()), true);
    }
  }

  /**
   * What a GPU reports, for the faults that it notices; the others must not go unnoticed either.
   */
  private static CudaResult result(SimFault.Kind kind) {
    return switch (kind) {
      case OUT_OF_BOUNDS, USE_AFTER_FREE, READ_ONLY -> CudaResult.ILLEGAL_ADDRESS;
      case MISALIGNED -> CudaResult.MISALIGNED_ADDRESS;
      case ASSERT -> CudaResult.ASSERT;
      case STACK_OVERFLOW -> CudaResult.HARDWARE_STACK_ERROR;
      case BUDGET, DEADLOCK -> CudaResult.LAUNCH_TIMEOUT;
      case UNINITIALISED, RACE, ASYNC_NOT_WAITED, DIVERGENT_BARRIER, INACTIVE_LANE, TRAP ->
          CudaResult.LAUNCH_FAILED;
    };
  }
}
