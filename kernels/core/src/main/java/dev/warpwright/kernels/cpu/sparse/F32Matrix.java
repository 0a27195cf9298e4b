package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HugePages;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** All weights as F32, row after row; also for formats that have no layout of their own. */
final class F32Matrix extends VectorMatrix {
  private static final int UNIT_ROWS = 16;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment weights;

  F32Matrix(HostDevice device, WeightMatrix matrix) {
    super(device, matrix, 4L * matrix.rows() * matrix.columns());
    weights = arena.allocate(bytes(), 64);
    HugePages.advise(weights);
    float[] row = new float[columns()];
    for (int n = 0; n < rows(); n++) {
      matrix.decodeRow(n, row);
      MemorySegment.copy(row, 0, weights, ValueLayout.JAVA_FLOAT, 4L * n * columns(), columns());
    }
  }

  @Override
  public int units() {
    return (rows() + UNIT_ROWS - 1) / UNIT_ROWS;
  }

  @Override
  public int firstRow(int unit) {
    return (int) Math.min((long) unit * UNIT_ROWS, rows());
  }

  @Override
  public void multiply(
      int fromUnit,
      int toUnit,
      int m,
      float[] x,
      int xFrom,
      int xStride,
      float[] y,
      int yFrom,
      int yStride,
      float[] scratch) {
    for (int n = firstRow(fromUnit); n < firstRow(toUnit); n++) {
      long row = (long) n * columns();
      for (int i = 0; i < m; i++) {
        float sum = 0;
        for (int k = 0; k < columns(); k++) {
          sum += x[xFrom + i * xStride + k] * weights.getAtIndex(ValueLayout.JAVA_FLOAT, row + k);
        }
        y[yFrom + i * yStride + n] = sum;
      }
    }
  }

  @Override
  protected void release() {
    arena.close();
  }
}
