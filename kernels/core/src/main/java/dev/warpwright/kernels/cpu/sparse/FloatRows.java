package dev.warpwright.kernels.cpu.sparse;

import java.lang.foreign.MemorySegment;

/** Rows of floats in one array, which C kernels write as a segment. */
public final class FloatRows {
  private final float[] values;
  private final MemorySegment segment;
  private final int stride;

  /** {@code rows} rows of {@code stride} elements. */
  public FloatRows(int rows, int stride) {
    values = new float[rows * stride];
    segment = MemorySegment.ofArray(values);
    this.stride = stride;
  }

  /** The elements. */
  public float[] values() {
    return values;
  }

  /** The elements as memory. */
  MemorySegment segment() {
    return segment;
  }

  /** Elements from one row to the next. */
  public int stride() {
    return stride;
  }
}
