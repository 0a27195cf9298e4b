package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.driver.LoadedModule.Function;
import dev.warpwright.softgpu.sim.DeviceProfile;

/**
 * How many blocks of a kernel fit on a multiprocessor. PTX does not say how many registers the
 * machine code will use, so a number is assumed: ask {@code ptxas -v} for the real one.
 */
final class Occupancy {
  static final int ASSUMED_REGISTERS = 32;

  private static final int WARP = 32;

  private Occupancy() {}

  /** Resident blocks of a multiprocessor, 0 when not even one fits. */
  static int blocks(Function function, int threads, long dynamicShared) {
    DeviceProfile profile = profile(function);
    if (threads > Math.min(profile.maxThreadsPerBlock(), function.entry().maxThreads())
        || dynamicShared > function.maxDynamicShared) {
      return 0;
    }
    long shared = function.entry().staticShared() + dynamicShared + LaunchLimits.RESERVED_SHARED;
    long blocks = profile.maxBlocksPerMultiprocessor();
    blocks = Math.min(blocks, profile.maxThreadsPerMultiprocessor() / wholeWarps(threads));
    blocks = Math.min(blocks, profile.sharedPerMultiprocessor() / shared);
    int registers = ASSUMED_REGISTERS * wholeWarps(threads);
    return (int) Math.min(blocks, profile.registersPerBlock() / registers);
  }

  /** Dynamic shared memory that still lets so many blocks be resident; 0 when they cannot be. */
  static long availableShared(Function function, int blocks, int threads) {
    if (blocks(function, threads, 0) < blocks) {
      return 0;
    }
    long share = profile(function).sharedPerMultiprocessor() / blocks;
    long free = share - LaunchLimits.RESERVED_SHARED - function.entry().staticShared();
    return Math.clamp(free, 0, function.maxDynamicShared);
  }

  private static int wholeWarps(int threads) {
    return (threads + WARP - 1) / WARP * WARP;
  }

  private static DeviceProfile profile(Function function) {
    return function.module().context().device().profile();
  }
}
