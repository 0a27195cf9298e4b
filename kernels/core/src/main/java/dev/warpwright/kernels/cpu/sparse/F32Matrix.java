package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/** All weights as F32 in tiles; also for formats that have no layout of their own. */
final class F32Matrix extends TileMatrix {
  /** Shorter sums that are added up have smaller errors than one long one. */
  private static final int GROUP = 64;

  private final MemorySegment weights;

  /** Bytes from a vector to that of the next rows. */
  private final long stream;

  F32Matrix(HostDevice device, WeightMatrix matrix) {
    long bytes = (long) tiles(matrix) * groups(matrix, GROUP) * GROUP * TILE * Float.BYTES;
    super(device, matrix, GROUP, bytes);
    weights = allocate(bytes);
    stream = bytes / VECTORS;
    float[] row = new float[columns()];
    for (int n = 0; n < rows(); n++) {
      matrix.decodeRow(n, row);
      long at = offset(n / TILE, 0, GROUP) + n % TILE / Lanes.COUNT * stream + n % Lanes.COUNT * 4L;
      for (int k = 0; k < columns(); k++) {
        weights.set(ValueLayout.JAVA_FLOAT, at + (long) k * Lanes.COUNT * Float.BYTES, row[k]);
      }
    }
  }

  @Override
  void multiply(int tile, float[] x, int xFrom, float[] out, int outFrom) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment weights = this.weights;
    long s1 = stream;
    long s2 = 2 * s1;
    long s3 = 3 * s1;
    int groups = groups();
    int lanes = Lanes.COUNT;
    long bytes = Lanes.FLOATS.vectorByteSize();
    FloatVector zero = FloatVector.zero(Lanes.FLOATS);
    FloatVector y0 = zero;
    FloatVector y1 = zero;
    FloatVector y2 = zero;
    FloatVector y3 = zero;
    long at = offset(tile, 0, GROUP);
    int k = xFrom;
    for (int g = 0; g < groups; g++) {
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int u = 0; u < GROUP; u++) {
        FloatVector xk = FloatVector.broadcast(Lanes.FLOATS, x[k++]);
        t0 = FloatVector.fromMemorySegment(Lanes.FLOATS, weights, at, Lanes.ORDER).fma(xk, t0);
        t1 = FloatVector.fromMemorySegment(Lanes.FLOATS, weights, at + s1, Lanes.ORDER).fma(xk, t1);
        t2 = FloatVector.fromMemorySegment(Lanes.FLOATS, weights, at + s2, Lanes.ORDER).fma(xk, t2);
        t3 = FloatVector.fromMemorySegment(Lanes.FLOATS, weights, at + s3, Lanes.ORDER).fma(xk, t3);
        at += bytes;
      }
      y0 = y0.add(t0);
      y1 = y1.add(t1);
      y2 = y2.add(t2);
      y3 = y3.add(t3);
    }
    y0.intoArray(out, outFrom);
    y1.intoArray(out, outFrom + lanes);
    y2.intoArray(out, outFrom + 2 * lanes);
    y3.intoArray(out, outFrom + 3 * lanes);
  }

  @Override
  void decode(int tile, int number, float[] into, int at, int scales) {
    long bytes = Lanes.FLOATS.vectorByteSize();
    long from = offset(tile, number, GROUP);
    for (int v = 0; v < VECTORS; v++) {
      for (int k = 0; k < GROUP; k++) {
        FloatVector.fromMemorySegment(
                Lanes.FLOATS, weights, from + v * stream + k * bytes, Lanes.ORDER)
            .intoArray(into, at + k * TILE + v * Lanes.COUNT);
      }
    }
  }
}
