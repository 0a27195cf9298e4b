package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Rows and weights of one call by slot, filled up to a multiple of eight slots. A missing slot has
 * weight 1 and a row of −0, so it needs no path of its own.
 */
final class RowSet {
  private final DType dtype;
  private final MemorySegment missing;
  private final float[] missingArray;
  private final MemorySegment[] segments;

  /** The arrays of rows that are F32 heap arrays, and where the rows start in them. */
  private final float[] @Nullable [] arrays;

  private final int[] starts;
  private final float[] weights;

  /** No rows; blocks of at most {@code columns} columns will be read. */
  RowSet(DType dtype, int slots, int columns, Arena arena) {
    this.dtype = dtype;
    missingArray = new float[columns];
    Arrays.fill(missingArray, -0f);
    missing = arena.allocate(4L * columns, 64);
    MemorySegment.copy(missingArray, 0, missing, ValueLayout.JAVA_FLOAT, 0, columns);
    int padded = (slots + VectorColumns.LEAVES - 1) / VectorColumns.LEAVES * VectorColumns.LEAVES;
    segments = new MemorySegment[padded];
    arrays = new float[padded][];
    starts = new int[padded];
    weights = new float[padded];
    clear();
  }

  /** A block of −0. */
  MemorySegment missing() {
    return missing;
  }

  /** Makes all slots missing, and lets go of the caller's memory. */
  void clear() {
    Arrays.fill(segments, missing);
    Arrays.fill(arrays, missingArray);
    Arrays.fill(weights, 1);
  }

  /** Puts a row into its slot. */
  void set(int slot, Tensor row, float weight) {
    MemorySegment segment = row.segment();
    segments[slot] = segment;
    weights[slot] = weight;
    boolean aligned = segment.address() % 4 == 0;
    arrays[slot] = aligned && dtype == DType.F32 && row.array() instanceof float[] a ? a : null;
    starts[slot] = arrays[slot] == null ? 0 : (int) (segment.address() / 4);
  }

  /** The weights by slot. */
  float[] weights() {
    return weights;
  }

  /** The row, of whatever kind. */
  MemorySegment segment(int slot) {
    return segments[slot];
  }

  boolean isMissing(int slot) {
    return arrays[slot] == missingArray;
  }

  /** Whether the vector loops can read the row as native memory. */
  boolean isDirect(int slot) {
    return isMissing(slot)
        || (dtype == DType.F32 && segments[slot].getClass() == VectorColumns.NATIVE);
  }

  /** Byte offset of {@code column} in {@link #segment} of a direct row. */
  long offset(int slot, long column) {
    return isMissing(slot) ? 0 : 4 * column;
  }

  /** The F32 heap array that the row lies in, if it does. */
  float @Nullable [] array(int slot) {
    return arrays[slot];
  }

  /** Index of {@code column} in {@link #array}. */
  int index(int slot, long column) {
    return isMissing(slot) ? 0 : starts[slot] + (int) column;
  }
}
