package dev.warpwright.softgpu.sim;

/** State spaces. */
enum Space {
  GENERIC,
  GLOBAL,
  CONST,
  SHARED,
  LOCAL,
  PARAM;

  /** Generic address of the first byte of shared memory. */
  static final long SHARED_WINDOW = 1L << 56;

  /** Generic address of the first byte of local memory. */
  static final long LOCAL_WINDOW = 1L << 57;

  /** Addresses of functions are above it; no memory is there. */
  static final long CODE_WINDOW = 1L << 58;

  static final long WINDOW_BYTES = 1L << 32;
}
