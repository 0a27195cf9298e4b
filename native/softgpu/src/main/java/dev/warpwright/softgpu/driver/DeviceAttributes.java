package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.sim.DeviceProfile;

/**
 * Answers to {@code cuDeviceGetAttribute}: what the profile says, and what the simulator can do.
 */
final class DeviceAttributes {
  private static final int LAST_KNOWN = 147;

  private DeviceAttributes() {}

  /**
   * The value of an attribute; 0 for features that are not simulated, INVALID_VALUE for numbers
   * that are no attribute.
   */
  static int value(Device device, int attribute) {
    CudaFailure.require(attribute >= 1 && attribute <= LAST_KNOWN);
    DeviceProfile p = device.profile();
    return switch (attribute) {
      case 1 -> p.maxThreadsPerBlock(); // MAX_THREADS_PER_BLOCK
      case 2, 3 -> p.maxThreadsPerBlock(); // MAX_BLOCK_DIM_X, _Y
      case 4 -> LaunchLimits.MAX_BLOCK_Z; // MAX_BLOCK_DIM_Z
      case 5 -> LaunchLimits.MAX_GRID_X; // MAX_GRID_DIM_X
      case 6, 7 -> LaunchLimits.MAX_GRID_YZ; // MAX_GRID_DIM_Y, _Z
      case 8 -> p.sharedPerBlock(); // MAX_SHARED_MEMORY_PER_BLOCK
      case 9 -> 64 << 10; // TOTAL_CONSTANT_MEMORY
      case 10 -> 32; // WARP_SIZE
      case 11 -> Integer.MAX_VALUE; // MAX_PITCH
      case 12, 82 -> p.registersPerBlock(); // MAX_REGISTERS_PER_BLOCK, _PER_MULTIPROCESSOR
      case 13 -> p.clockKHz(); // CLOCK_RATE
      case 14 -> 512; // TEXTURE_ALIGNMENT
      case 16 -> p.multiprocessors(); // MULTIPROCESSOR_COUNT
      case 15, 31 -> 1; // GPU_OVERLAP, CONCURRENT_KERNELS
      case 32 -> 1; // ECC_ENABLED
      case 33 -> device.ordinal() + 1; // PCI_BUS_ID
      case 36 -> p.memoryClockKHz(); // MEMORY_CLOCK_RATE
      case 37 -> p.memoryBusBits(); // GLOBAL_MEMORY_BUS_WIDTH
      case 38 -> p.l2Bytes(); // L2_CACHE_SIZE
      case 39 -> p.maxThreadsPerMultiprocessor(); // MAX_THREADS_PER_MULTIPROCESSOR
      case 40 -> 3; // ASYNC_ENGINE_COUNT
      case 41 -> 1; // UNIFIED_ADDRESSING
      case 75 -> p.major(); // COMPUTE_CAPABILITY_MAJOR
      case 76 -> p.minor(); // COMPUTE_CAPABILITY_MINOR
      case 78 -> 1; // STREAM_PRIORITIES_SUPPORTED
      case 79, 80 -> 1; // GLOBAL_ and LOCAL_L1_CACHE_SUPPORTED
      case 81 -> p.sharedPerMultiprocessor(); // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
      case 87 -> 2; // SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO
      case 90 -> 1; // COMPUTE_PREEMPTION_SUPPORTED
      case 95 -> 1; // COOPERATIVE_LAUNCH
      case 97 -> p.sharedPerBlockOptin(); // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
      case 99 -> 1; // HOST_REGISTER_SUPPORTED
      case 106 -> p.maxBlocksPerMultiprocessor(); // MAX_BLOCKS_PER_MULTIPROCESSOR
      case 111 -> LaunchLimits.RESERVED_SHARED; // RESERVED_SHARED_MEMORY_PER_BLOCK
      default -> 0;
    };
  }
}
