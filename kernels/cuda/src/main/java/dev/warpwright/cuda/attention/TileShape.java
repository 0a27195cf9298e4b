package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.kernels.attention.KvPoolSpec;

/**
 * Sizes of a block of {@code attention_tile.cuh}, as computed there.
 *
 * @param rows rows of queries
 * @param threads threads
 * @param sharedBytes dynamic shared memory: queries, and two stages of keys and values
 */
record TileShape(int rows, int threads, int sharedBytes) {
  private static final int ROWS_OF_WARP = 16;
  private static final int STAGES = 2;

  /** The shape for a pool. */
  static TileShape of(KvPoolSpec pool) {
    int dim = Variants.paddedDim(pool.headDim());
    int rowBytes = dim * pool.dtype().bytes();
    int warps = dim <= 128 ? 4 : 2;
    int slots = dim > 128 ? 8 : rowBytes <= 256 ? 32 : 16;
    int rows = ROWS_OF_WARP * warps;
    int queries = rows * (dim + 16) * Float.BYTES;
    int stage = 2 * slots * (rowBytes + 32);
    return new TileShape(rows, 32 * warps, queries + STAGES * stage);
  }

  /** The instantiation of {@code paged_prefill.cuh} for a pool. */
  CudaFunction kernel(CudaKernelDevice device, KvPoolSpec pool) {
    String variant = Variants.byDim("paged_prefill", pool);
    CudaFunction kernel = device.function("attention/" + variant, variant);
    kernel.allowDynamicShared(sharedBytes);
    return kernel;
  }
}
