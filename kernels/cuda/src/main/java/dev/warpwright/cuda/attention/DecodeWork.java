package dev.warpwright.cuda.attention;

import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.PageTables;

/**
 * How a decode step is cut: every row into chunks of the same number of slots, whatever else is in
 * the batch, so that results depend on the row's length only.
 *
 * <p>A chunk leaves a state of {@code group · (headDim + 1)} floats that is written and read again;
 * 64 slots a query head and more keep that at about 3 % of the keys and values in F16.
 */
final class DecodeWork {
  private static final int LEAST_SLOTS = 256;
  private static final int SLOTS_PER_HEAD = 64;

  private static final int MERGE = 3;

  private final Heads heads;
  private final int tileRows;
  private final SlotChunks chunks;
  private final int[] itemsFrom;
  private final int[] mergesFrom;
  private int mostItems;

  /**
   * The cut for {@code heads}.
   *
   * @param tileRows query heads of a block of {@code paged_prefill.cuh}, or 0 when {@code
   *     paged_decode.cuh} runs
   */
  DecodeWork(Heads heads, int tileRows) {
    this.heads = heads;
    this.tileRows = tileRows;
    // An empty row has one chunk too: somebody must write its zeros.
    chunks = new SlotChunks(heads, Math.max(LEAST_SLOTS, SLOTS_PER_HEAD * heads.group()), 1);
    itemsFrom = new int[heads.layers() + 1];
    mergesFrom = new int[heads.layers() + 1];
  }

  /** Adds the chunks, the items and the merges (row, first chunk, chunks) of all layers. */
  void divide(PageTables batch, StepTables tables) {
    chunks.divide(batch, tables);
    int rows = batch.requests() * heads.kvHeads();
    mostItems = 0;
    for (int layer = 0; layer < heads.layers(); layer++) {
      itemsFrom[layer] = tables.next();
      int items = 0;
      for (int row = 0; row < rows; row++) {
        int count = chunks.of(batch.length(layer * rows + row));
        for (int chunk = 0; chunk < count; chunk++) {
          add(row, chunk, items++, tables);
        }
      }
      mostItems = Math.max(mostItems, items);
    }
    itemsFrom[heads.layers()] = tables.next();
    for (int layer = 0; layer < heads.layers(); layer++) {
      mergesFrom[layer] = tables.next();
      int item = 0;
      for (int row = 0; row < rows; row++) {
        int count = chunks.of(batch.length(layer * rows + row));
        if (count > 1) {
          tables.add(row);
          tables.add(item);
          tables.add(count);
        }
        item += count;
      }
    }
    mergesFrom[heads.layers()] = tables.next();
  }

  private void add(int row, int chunk, int item, StepTables tables) {
    for (int head = 0; head < heads.group() && tileRows > 0; head += tileRows) {
      tables.add(row);
      tables.add(head);
      tables.add(row / heads.kvHeads());
      tables.add(1);
      tables.add(chunk);
      tables.add(Math.addExact(Math.multiplyExact(item, heads.group()), head));
    }
  }

  /** The chunks of all rows. */
  SlotChunks chunks() {
    return chunks;
  }

  /** Blocks of a layer: a chunk each, or an item of {@code paged_prefill.cuh}. */
  int items(int layer) {
    return tileRows == 0
        ? chunks.count(layer)
        : (itemsFrom[layer + 1] - itemsFrom[layer]) / PagedPrefillCuda.ITEM;
  }

  /** Index in the tables of what a layer's blocks do. */
  int firstItem(int layer) {
    return tileRows == 0 ? chunks.first(layer) : itemsFrom[layer];
  }

  /** Rows of a layer with several chunks. */
  int merges(int layer) {
    return (mergesFrom[layer + 1] - mergesFrom[layer]) / MERGE;
  }

  /** Index of a layer's merges in the tables. */
  int firstMerge(int layer) {
    return mergesFrom[layer];
  }

  /** States of query heads that a run leaves at most. */
  long states() {
    return (long) mostItems * heads.group();
  }
}
