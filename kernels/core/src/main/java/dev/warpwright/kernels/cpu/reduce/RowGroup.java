package dev.warpwright.kernels.cpu.reduce;

import java.lang.foreign.MemorySegment;

/**
 * Adds blocks of eight rows: where they are when all lie in native memory or all in F32 heap
 * arrays, and otherwise by way of arrays in the cache.
 */
final class RowGroup {
  private static final int ROWS = VectorColumns.LEAVES;

  private final RowSet set;
  private final RowStage stage;
  private final float[][] staged;
  private final MemorySegment[] segments = new MemorySegment[ROWS];
  private final long[] offsets = new long[ROWS];
  private final float[][] arrays = new float[ROWS][];
  private final int[] indices = new int[ROWS];

  /** A thread's access to {@code set} by blocks of at most {@code columns} columns. */
  RowGroup(RowSet set, RowStage stage, int columns) {
    this.set = set;
    this.stage = stage;
    this.staged = new float[ROWS][columns];
  }

  /** Writes the root of the tree over the eight rows from {@code slot} on, plus {@code carry}. */
  void reduce(int slot, long column, int count, Carry carry, MemorySegment to) {
    boolean whole = count % VectorColumns.STEP == 0;
    if (whole && allDirect(slot)) {
      for (int i = 0; i < ROWS; i++) {
        segments[i] = set.segment(slot + i);
        offsets[i] = set.offset(slot + i, column);
      }
      VectorColumns.reduce(segments, offsets, set.weights(), slot, carry, to, 4L * count);
      return;
    }
    for (int i = 0; i < ROWS; i++) {
      float[] array = set.array(slot + i);
      if (array != null && (whole || set.isMissing(slot + i))) {
        arrays[i] = array;
        indices[i] = set.index(slot + i, column);
      } else {
        stage.load(set.segment(slot + i), column, count, staged[i]);
        arrays[i] = staged[i];
        indices[i] = 0;
      }
    }
    HeapColumns.reduce(arrays, indices, set.weights(), slot, carry, to, ColumnBlocks.padded(count));
  }

  private boolean allDirect(int slot) {
    for (int i = 0; i < ROWS; i++) {
      if (!set.isDirect(slot + i)) {
        return false;
      }
    }
    return true;
  }
}
