package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.cpu.sparse.VectorMatrix;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** One thread's part of an {@link ExpertMatmulVector}: the rows and outputs of its current item. */
final class ExpertItems {
  private final ExpertMatmulSpec spec;
  private final int xStride;
  private final int yStride;
  private final float[] x;
  private final float[] gate;
  private final float[] up;
  private final float[] scratch;
  private final float[] exponentials;

  /** The slots of the rows in {@link #x}. */
  private final int[] slots;

  private int rows;
  private int gatheredFrom;

  ExpertItems(ExpertMatmulSpec spec, int blockSlots) {
    this.spec = spec;
    boolean gated = spec.activation() != ExpertMatmulSpec.Activation.NONE;
    // The activation of a row may write past its end, which must not be the next row.
    yStride = spec.outputs() + VectorExp.PADDING;
    xStride = VectorMatrix.paddedColumns(spec.inputs());
    x = new float[blockSlots * xStride];
    gate = new float[blockSlots * yStride];
    up = new float[gated ? gate.length : 0];
    exponentials = new float[gated ? yStride : 0];
    scratch = new float[VectorMatrix.SCRATCH];
    slots = new int[blockSlots];
  }

  static long bytes(ExpertMatmulSpec spec, int blockSlots) {
    boolean gated = spec.activation() != ExpertMatmulSpec.Activation.NONE;
    long yStride = spec.outputs() + (long) VectorExp.PADDING;
    long inputs = (long) blockSlots * VectorMatrix.paddedColumns(spec.inputs());
    long outputs = (gated ? 2L : 1L) * blockSlots * yStride + (gated ? yStride : 0);
    return 4 * (inputs + outputs + VectorMatrix.SCRATCH + blockSlots);
  }

  /** Must be called when x changes. */
  void forget() {
    gatheredFrom = -1;
  }

  /** Copies the rows of slots {@code from … to − 1}, unless they were the last ones copied. */
  void gather(int from, int to, int[] order, MemorySegment rowsOfX) {
    if (from == gatheredFrom) {
      return;
    }
    rows = 0;
    for (int slot = from; slot < to; slot++) {
      if (order[slot] >= 0) {
        long row = spec.topK() == 0 ? slot : order[slot] / spec.topK();
        MemorySegment.copy(
            rowsOfX,
            ValueLayout.JAVA_FLOAT_UNALIGNED,
            row * spec.inputs() * 4,
            x,
            rows * xStride,
            spec.inputs());
        slots[rows] = slot;
        rows++;
      }
    }
    gatheredFrom = from;
  }

  /** Computes the gathered rows' outputs of one range of an expert's parts. */
  void multiply(ExpertMatrices expert, int range, int ranges, MemorySegment y) {
    int from = (int) ((long) expert.parts() * range / ranges);
    int to = (int) ((long) expert.parts() * (range + 1) / ranges);
    int fromRow = expert.firstRow(from);
    int toRow = expert.firstRow(to);
    if (rows == 0 || fromRow == toRow) {
      return;
    }
    expert.multiplyGate(from, to, rows, x, xStride, gate, yStride, scratch);
    if (up.length > 0) {
      expert.multiplyUp(from, to, rows, x, xStride, up, yStride, scratch);
    }
    for (int i = 0; i < rows; i++) {
      int at = i * yStride + fromRow;
      GatedActivation.apply(spec.activation(), gate, up, at, at + toRow - fromRow, exponentials);
      MemorySegment.copy(
          gate,
          at,
          y,
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          ((long) slots[i] * spec.outputs() + fromRow) * 4,
          toRow - fromRow);
    }
  }
}
