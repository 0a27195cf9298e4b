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
  /** Blocks and threads in one dimension. */
  public static LaunchGrid of(int blocks, int threads) {
    return new LaunchGrid(blocks, 1, 1, threads, 1, 1, 0);
  }

  /** The same with dynamic shared memory. */
  public LaunchGrid withShared(int bytes) {
    return new LaunchGrid(blocksX, blocksY, blocksZ, threadsX, threadsY, threadsZ, bytes);
  }
}
