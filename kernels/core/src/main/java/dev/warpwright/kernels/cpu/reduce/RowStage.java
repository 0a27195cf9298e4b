package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.FloatFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Brings blocks of rows of any element type and any kind of memory into F32 arrays. */
final class RowStage {
  private final DType dtype;
  private final short[] narrow;

  /** A stage for blocks of at most {@code columns} columns. */
  RowStage(DType dtype, int columns) {
    this.dtype = dtype;
    this.narrow = new short[dtype == DType.F32 ? 0 : columns];
  }

  void load(MemorySegment row, long column, int count, float[] to) {
    switch (dtype) {
      case F32 ->
          MemorySegment.copy(row, ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * column, to, 0, count);
      case F16 -> {
        MemorySegment.copy(row, ValueLayout.JAVA_SHORT_UNALIGNED, 2 * column, narrow, 0, count);
        FloatFormats.f16ToFloat(narrow, to, count);
      }
      case BF16 -> {
        MemorySegment.copy(row, ValueLayout.JAVA_SHORT_UNALIGNED, 2 * column, narrow, 0, count);
        FloatFormats.bf16ToFloat(narrow, to, count);
      }
      default -> throw new IllegalArgumentException("rows of " + dtype);
    }
  }
}
