package dev.warpwright.cuda.sparse;

import dev.warpwright.kernels.sparse.WeightFormat;

/**
 * What shared memory holds of the weights and of x at a time; see {@code panel.cuh}.
 *
 * @param columns columns of a chunk
 * @param bytes bytes of a chunk of a block of the weights, at most
 * @param pieces BF16 numbers of an element of x
 * @param throughRing whether narrow products bring the weights to shared memory
 */
public record Chunk(int columns, int bytes, int pieces, boolean throughRing) {
  /** Chunks of a ring; see {@code groups.cuh} and {@code panel.cuh}. */
  private static final int STAGES = 4;

  /** Bytes that a step of x takes beside its elements, for each of its columns. */
  private static final int STEP_PADDING = Integer.BYTES;

  /** Chunks of matrices of a format, for rows of x as they are or rounded to codes. */
  public static Chunk of(WeightFormat format, boolean rounded) {
    int pieces = rounded ? 1 : 3;
    if (format instanceof WeightFormat.Dense dense) {
      int columns = DenseForm.CHUNK;
      return new Chunk(columns, Blocks.ROWS * columns * dense.dtype().bytes(), pieces, false);
    }
    ChunkSizes sizes = KeptGroups.sizes(format);
    return new Chunk(sizes.tiles() * sizes.grouping().size(), sizes.most(), pieces, true);
  }

  /** Shared memory of a block of threads of a narrow product. */
  public int narrowBytes() {
    return throughRing ? Blocks.PANEL * STAGES * bytes : 0;
  }

  /**
   * Shared memory of a block of threads that takes so many blocks and rows of x, and keeps the sums
   * of so many matrices.
   */
  public int panelBytes(int blocks, int rows, int matrices) {
    int sums = Blocks.ROWS * blocks * rows * Float.BYTES;
    return blocks * STAGES * bytes
        + rows * columns * pieces * Short.BYTES
        + columns * STEP_PADDING
        + matrices * sums;
  }
}
