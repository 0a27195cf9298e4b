package dev.warpwright.cuda.runtime;

/**
 * Size of a launch.
 *
 * @param blocksX blocks in x
 * @param blocksY blocks in y
 * @param blocksZ blocks in z
 * @param threadsX threads of a block in x
 * @param threadsY threads of a block in y
 * @param threadsZ threads of a block in z
 * @param sharedBytes dynamic shared memory of a block
 */
public record LaunchGrid(
    int blocksX,
    int blocksY,
    int blocksZ,
    int threadsX,
    int threadsY,
    int threadsZ,
    int sharedBytes) {
  /** Most blocks in y, on every device. */
  public static final int MOST_BLOCKS_Y = 65_535;

  /** Shared memory that every kernel may use without asking for it. */
  public static final int COMMON_SHARED = 48 << 10;

  /** Blocks and threads in one dimension. */
  public static LaunchGrid of(int blocks, int threads) {
    return new LaunchGrid(blocks, 1, 1, threads, 1, 1, 0);
  }

  /** The same with dynamic shared memory. */
  public LaunchGrid withShared(int bytes) {
    return new LaunchGrid(blocksX, blocksY, blocksZ, threadsX, threadsY, threadsZ, bytes);
  }
}
