package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.sparse.Chunk;
import dev.warpwright.cuda.sparse.MatrixForm;
import dev.warpwright.cuda.sparse.MatrixShape;

/**
 * How the products of one of the two kernels of {@code experts.cuh} are spread over blocks of
 * threads. Neither the tiles nor where they end is known here, only how many there are at most.
 *
 * @param kernel which kernel
 * @param shape the experts' matrices
 * @param matrices of an expert, 1 or 2
 * @param experts number of experts
 * @param multiprocessors multiprocessors of the device
 */
record ExpertCut(Kernel kernel, MatrixShape shape, int matrices, int experts, int multiprocessors) {
  private static final int BLOCK_ROWS = 32;
  private static final int PANEL_BLOCKS = 4;

  /** Blocks of threads of a multiprocessor that are enough. */
  private static final int ENOUGH = 8;

  /** The kernels, by the number of slots that an expert has. */
  enum Kernel {
    /** Up to 8 slots. */
    FEW(8, 128, ENOUGH),
    /** More slots, in tiles of 64. */
    MANY(64, 256, ENOUGH / 4);

    /** Slots of a tile. */
    final int slots;

    /** Threads of a block. */
    final int threads;

    private final int enough;

    Kernel(int slots, int threads, int enough) {
      this.slots = slots;
      this.threads = threads;
      this.enough = enough;
    }
  }

  /** Tiles at most, if all experts together have so many slots. */
  int tiles(int slots) {
    return switch (kernel) {
      case FEW -> Math.min(slots, experts);
      case MANY -> slots / kernel.slots + Math.min(experts, slots / (Kernel.FEW.slots + 1));
    };
  }

  private int mostParts() {
    return kernel == Kernel.FEW ? shape.mostSlices() : shape.mostShares();
  }

  /** Tiles with which there are just not enough blocks of threads. */
  private long mostCutTiles() {
    return mostParts() == 1
        ? 0
        : (kernel.enough * (long) multiprocessors - 1) / ((long) matrices * shape.panels());
  }

  /** Whether blocks of threads take parts of a matrix; otherwise all columns of both. */
  boolean isCut(int tiles) {
    return tiles <= mostCutTiles();
  }

  /**
   * Whether tiles of three slots or more are cut too: what has one share is not, for then the sums
   * would be a good part of the traffic.
   */
  boolean hasShares() {
    return shape.mostShares() > 1;
  }

  /** Units of a tile. */
  int units(boolean cut, PreparedExpertsCuda prepared) {
    // Tiles of more than 32 slots are never cut: they take two blocks of the weights.
    int whole =
        kernel == Kernel.FEW ? shape.panels() : Math.ceilDiv(shape.blocks(), PANEL_BLOCKS / 2);
    int parts = kernel == Kernel.FEW ? prepared.mostSlices() : prepared.mostShares();
    return cut ? Math.max(parts, whole) : whole;
  }

  private int batches() {
    return kernel == Kernel.FEW ? 1 : 2;
  }

  /** Floats that the parts of a panel and a batch of slots take at most. */
  long region() {
    int rows =
        kernel == Kernel.FEW
            ? Math.max(2 * shape.mostSlices(), 8 * shape.mostShares())
            : 16 * shape.mostShares();
    return (long) matrices * rows * PANEL_BLOCKS * BLOCK_ROWS;
  }

  private long batchesCut(int maxSlots) {
    return Math.min(tiles(maxSlots), mostCutTiles()) * batches();
  }

  /** Bytes of the counters of a plan. */
  long counterBytes(int maxSlots) {
    return MatrixForm.room(batchesCut(maxSlots) * shape.blocks() * Integer.BYTES);
  }

  /** Bytes of the parts of a plan. */
  long partBytes(int maxSlots) {
    return batchesCut(maxSlots) * shape.panels() * region() * Float.BYTES;
  }

  /** Shared memory of a block of threads. */
  int sharedBytes(Chunk chunk) {
    return kernel == Kernel.FEW
        ? Math.max(chunk.narrowBytes(), chunk.panelBytes(PANEL_BLOCKS, 8, matrices))
        : Math.max(
            chunk.panelBytes(PANEL_BLOCKS, 32, matrices),
            chunk.panelBytes(PANEL_BLOCKS / 2, 64, matrices));
  }
}
