package dev.warpwright.softgpu.driver;

/** Limits of a launch that all supported devices share. */
final class LaunchLimits {
  static final int MAX_GRID_X = Integer.MAX_VALUE;
  static final int MAX_GRID_YZ = 65_535;
  static final int MAX_BLOCK_Z = 64;

  /** Shared memory of every block that the system keeps, on compute capability 8.0 and later. */
  static final int RESERVED_SHARED = 1024;

  private LaunchLimits() {}
}
