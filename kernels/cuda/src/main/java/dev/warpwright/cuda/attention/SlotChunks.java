package dev.warpwright.cuda.attention;

import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.PageTables;

/** The rows of all layers, cut into chunks of the same number of slots: a block has one. */
final class SlotChunks {
  private static final int NUMBERS = 2;

  private final Heads heads;
  private final int slots;
  private final int least;
  private final int[] from;

  /**
   * Chunks of {@code slots} slots.
   *
   * @param least chunks of an empty row: 1 where somebody must write its results
   */
  SlotChunks(Heads heads, int slots, int least) {
    this.heads = heads;
    this.slots = slots;
    this.least = least;
    from = new int[heads.layers() + 1];
  }

  /** Adds the pairs (row of the layer, chunk of the row) of all layers. */
  void divide(PageTables batch, StepTables tables) {
    int rows = batch.requests() * heads.kvHeads();
    for (int layer = 0; layer < heads.layers(); layer++) {
      from[layer] = tables.next();
      for (int row = 0; row < rows; row++) {
        int chunks = of(batch.length(layer * rows + row));
        for (int chunk = 0; chunk < chunks; chunk++) {
          tables.add(row);
          tables.add(chunk);
        }
      }
    }
    from[heads.layers()] = tables.next();
  }

  /** Chunks of a row of this length. */
  int of(int length) {
    return Math.max(least, Math.ceilDiv(length, slots));
  }

  /** Slots of a chunk. */
  int slots() {
    return slots;
  }

  /** Chunks of a layer. */
  int count(int layer) {
    return (from[layer + 1] - from[layer]) / NUMBERS;
  }

  /** Index of a layer's chunks in the tables. */
  int first(int layer) {
    return from[layer];
  }
}
