package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Rows of x as the matrices of one format and device take them: padded with zeros to {@link
 * VectorMatrix#paddedColumns}, and beside that in the encoding of the format's kernel, if it has
 * one.
 */
public final class InputRows {
  private final int inputs;
  private final FloatRows floats;
  private final @Nullable I8Rows codes;
  private final @Nullable NativeRows natives;

  /** Room for {@code rows} rows. */
  public InputRows(
      HostDevice device, int rows, int inputs, WeightFormat format, Activations activations) {
    this.inputs = inputs;
    floats = new FloatRows(rows, VectorMatrix.paddedColumns(inputs));
    natives = NativeRows.of(device, rows, inputs, format, activations);
    codes =
        natives == null && activations == Activations.I8
            ? new I8Rows(rows, inputs, group(format))
            : null;
  }

  /** Bytes that the constructor allocates. */
  public static long bytes(
      HostDevice device, int rows, int inputs, WeightFormat format, Activations activations) {
    long floats = (long) rows * VectorMatrix.paddedColumns(inputs) * Float.BYTES;
    if (NativeRows.areFor(device, format)) {
      return floats + NativeRows.bytes(rows, inputs, format, activations);
    }
    return floats + (activations == Activations.I8 ? I8Rows.bytes(rows, inputs, group(format)) : 0);
  }

  private static int group(WeightFormat format) {
    return ((WeightFormat.Quant) format).grouping().size();
  }

  /** Sets a row from the F32 elements at a byte offset. */
  public void load(int row, MemorySegment from, long offset) {
    int at = row * stride();
    MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, floats.values(), at, inputs);
    if (natives != null) {
      natives.load(row, floats.segment(), at);
    } else if (codes != null) {
      codes.load(row, floats.values(), at);
    }
  }

  /** All rows, with zeros behind the last column. */
  float[] values() {
    return floats.values();
  }

  /** The same as memory. */
  MemorySegment segment() {
    return floats.segment();
  }

  /** Elements from one row to the next. */
  int stride() {
    return floats.stride();
  }

  /** The rows rounded to codes; null if they are not. */
  @Nullable I8Rows codes() {
    return codes;
  }

  /** The rows for C kernels. */
  NativeRows natives() {
    if (natives == null) {
      throw new IllegalStateException("rows of another format or device");
    }
    return natives;
  }
}
