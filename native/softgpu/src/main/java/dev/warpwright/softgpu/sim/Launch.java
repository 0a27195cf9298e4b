package dev.warpwright.softgpu.sim;

/**
 * One execution of a kernel.
 *
 * @param entry the kernel
 * @param gridX blocks in x
 * @param gridY blocks in y
 * @param gridZ blocks in z
 * @param blockX threads of a block in x
 * @param blockY threads of a block in y
 * @param blockZ threads of a block in z
 * @param dynamicShared bytes of dynamic shared memory
 * @param parameters the parameter buffer
 * @param cooperative whether all blocks are resident together
 */
@SuppressWarnings("ArrayRecordComponent")
public record Launch(
    Entry entry,
    int gridX,
    int gridY,
    int gridZ,
    int blockX,
    int blockY,
    int blockZ,
    int dynamicShared,
    byte[] parameters,
    boolean cooperative) {
  /** Number of blocks. */
  public long blocks() {
    return (long) gridX * gridY * gridZ;
  }

  /** Threads of a block. */
  public int threads() {
    return blockX * blockY * blockZ;
  }
}
