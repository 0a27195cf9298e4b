package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.sparse.FloatRows;
import dev.warpwright.kernels.cpu.sparse.InputRows;
import dev.warpwright.kernels.cpu.sparse.VectorMatrix;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.sparse.Activations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** One thread's part of an {@link ExpertMatmulVector}: the rows and outputs of its current item. */
final class ExpertItems {
  private final ExpertMatmulSpec spec;
  private final InputRows x;
  private final FloatRows gate;
  private final @Nullable FloatRows up;
  private final float[] scratch;
  private final float[] exponentials;

  /** The slots of the rows in {@link #x}. */
  private final int[] slots;

  private int rows;
  private int gatheredFrom;

  ExpertItems(HostDevice device, ExpertMatmulSpec spec, int blockSlots) {
    this.spec = spec;
    boolean gated = spec.activation() != ExpertMatmulSpec.Activation.NONE;
    // The activation of a row may write past its end, which must not be the next row.
    int yStride = spec.outputs() + VectorExp.PADDING;
    x = new InputRows(device, blockSlots, spec.inputs(), spec.format(), Activations.F32);
    gate = new FloatRows(blockSlots, yStride);
    up = gated ? new FloatRows(blockSlots, yStride) : null;
    exponentials = new float[gated ? yStride : 0];
    scratch = new float[VectorMatrix.SCRATCH];
    slots = new int[blockSlots];
  }

  static long bytes(HostDevice device, ExpertMatmulSpec spec, int blockSlots) {
    boolean gated = spec.activation() != ExpertMatmulSpec.Activation.NONE;
    long yStride = spec.outputs() + (long) VectorExp.PADDING;
    long outputs = (gated ? 2L : 1L) * blockSlots * yStride + (gated ? yStride : 0);
    return 4 * (outputs + VectorMatrix.SCRATCH + blockSlots)
        + InputRows.bytes(device, blockSlots, spec.inputs(), spec.format(), Activations.F32);
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
        x.load(rows, rowsOfX, row * spec.inputs() * 4);
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
    expert.multiplyGate(from, to, rows, x, gate, scratch);
    float[] outputs = gate.values();
    float[] factors = outputs;
    if (up != null) {
      expert.multiplyUp(from, to, rows, x, up, scratch);
      factors = up.values();
    }
    for (int i = 0; i < rows; i++) {
      int at = i * gate.stride() + fromRow;
      GatedActivation.apply(
          spec.activation(), outputs, factors, at, at + toRow - fromRow, exponentials);
      MemorySegment.copy(
          outputs,
          at,
          y,
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          ((long) slots[i] * spec.outputs() + fromRow) * 4,
          toRow - fromRow);
    }
  }
}
