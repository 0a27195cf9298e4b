package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Normalises a few rows a chunk of work. */
final class RmsNormVector extends RmsNorm {
  private static final VectorSpecies<Float> F = Lanes.F;

  /** Elements of a chunk, so that small rows are not handed out one by one. */
  private static final int CHUNK_ELEMENTS = 1 << 15;

  /** Sums of squares outside these bounds have lost digits, or everything, in F32. */
  private static final double LEAST = 0x1p-80;

  private static final double MOST = 0x1p120;

  private final WorkerPool workers;
  private final int chunkRows;
  private final float[][] lanes;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask normalise = this::normalise;
  private int rows;
  private MemorySegment x = MemorySegment.NULL;
  private MemorySegment weight = MemorySegment.NULL;
  private MemorySegment y = MemorySegment.NULL;

  RmsNormVector(HostDevice device, RmsNormSpec spec) {
    super(device, spec, 0);
    workers = device.pool();
    chunkRows = Math.max(1, CHUNK_ELEMENTS / spec.columns());
    lanes = new float[workers.threads()][Lanes.BLOCK];
    workspaceIs((long) Float.BYTES * workers.threads() * Lanes.BLOCK);
  }

  @Override
  protected void execute(int count, Tensor input, Tensor weights, Tensor output) {
    rows = count;
    x = input.segment();
    weight = weights.segment();
    y = output.segment();
    workers.run((int) (((long) rows + chunkRows - 1) / chunkRows), normalise);
  }

  private void normalise(int chunk, int worker) {
    int from = chunk * chunkRows;
    int to = (int) Math.min(rows, (long) from + chunkRows);
    long rowBytes = (long) spec().columns() * Float.BYTES;
    for (int row = from; row < to; row++) {
      double squares = squares(row * rowBytes, lanes[worker]);
      if (!(squares > LEAST && squares < MOST)) {
        squares = exactSquares(row * rowBytes);
      }
      double factor = 1 / Math.sqrt(squares / spec().columns() + spec().epsilon());
      scale(row * rowBytes, factor);
    }
  }

  private double squares(long at, float[] sums) {
    int columns = spec().columns();
    int step = 4 * Lanes.COUNT;
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    int column = 0;
    for (; column + step <= columns; column += step) {
      long from = at + 4L * column;
      FloatVector p = FloatVector.fromMemorySegment(F, x, from, Lanes.ORDER);
      FloatVector q = FloatVector.fromMemorySegment(F, x, from + 4L * Lanes.COUNT, Lanes.ORDER);
      FloatVector r = FloatVector.fromMemorySegment(F, x, from + 8L * Lanes.COUNT, Lanes.ORDER);
      FloatVector s = FloatVector.fromMemorySegment(F, x, from + 12L * Lanes.COUNT, Lanes.ORDER);
      a = p.fma(p, a);
      b = q.fma(q, b);
      c = r.fma(r, c);
      d = s.fma(s, d);
    }
    a.add(b).add(c.add(d)).intoArray(sums, 0);
    double sum = 0;
    for (int lane = 0; lane < Lanes.COUNT; lane++) {
      sum += sums[lane];
    }
    for (; column < columns; column++) {
      double value = x.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + 4L * column);
      sum += value * value;
    }
    return sum;
  }

  private double exactSquares(long at) {
    double sum = 0;
    for (int column = 0; column < spec().columns(); column++) {
      double value = x.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + 4L * column);
      sum += value * value;
    }
    return sum;
  }

  private void scale(long at, double factor) {
    int columns = spec().columns();
    int column = 0;
    float narrow = (float) factor;
    boolean fits = narrow > 0x1p-100f && narrow < 0x1p100f;
    FloatVector f = FloatVector.broadcast(F, narrow);
    for (; fits && column + Lanes.COUNT <= columns; column += Lanes.COUNT) {
      FloatVector.fromMemorySegment(F, x, at + 4L * column, Lanes.ORDER)
          .mul(f)
          .mul(FloatVector.fromMemorySegment(F, weight, 4L * column, Lanes.ORDER))
          .intoMemorySegment(y, at + 4L * column, Lanes.ORDER);
    }
    for (; column < columns; column++) {
      double value = x.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + 4L * column);
      double w = weight.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * column);
      y.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at + 4L * column, (float) (value * factor * w));
    }
  }

  @Override
  protected void release() {}
}
