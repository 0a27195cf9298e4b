package dev.warpwright.cuda.attention;

import dev.warpwright.kernels.attention.KvPoolSpec;

/**
 * Sizes of a block of {@code attention_tile.cuh}, as computed there.
 *
 * @param rows rows of queries
 * @param threads threads
 * @param sharedBytes dynamic shared memory: queries, and two stages of slots
 */
record TileShape(int rows, int threads, int sharedBytes) {
  /** Rows of a warp. */
  static final int WARP_ROWS = 16;

  private static final int WARP_SLOTS = 8;
  private static final int STAGES = 2;

  /** Bytes beside a slot: two scales and a bias. */
  private static final int BESIDE = 3 * Float.BYTES;

  /**
   * The shape for a pool.
   *
   * @param split whether the warps of a block share its rows and split the slots
   */
  static TileShape of(KvPoolSpec pool, boolean split) {
    int dim = Variants.paddedDim(pool.headDim());
    int rowBytes = dim * Variants.elementBytes(pool);
    int warps = dim <= 128 ? 4 : 2;
    int slots = split ? WARP_SLOTS * warps : dim > 128 ? 8 : rowBytes <= 256 ? 32 : 16;
    int rows = split ? WARP_ROWS : WARP_ROWS * warps;
    int queries = rows * (dim + 16) * Float.BYTES;
    int stage = slots * (2 * (rowBytes + 32) + BESIDE);
    return new TileShape(rows, 32 * warps, queries + STAGES * stage);
  }
}
