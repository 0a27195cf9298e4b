package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec.Estimate;
import dev.warpwright.kernels.attention.ScorePagesSpec.Reduction;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/** Scores pages; one chunk of work is one row. Heads are padded with zeros to whole vectors. */
final class ScorePagesVector extends ScorePages {
  private final WorkerPool workers;
  private final RopeTable rotation;
  private final int headDim;
  private final int padded;
  private final float[][] rows;
  private final float[][] queries;
  private final float[][] least;
  private final float[][] most;
  private final float[][] lanes;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask score = this::score;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private MemorySegment q = MemorySegment.NULL;
  private MemorySegment bounds = MemorySegment.NULL;
  private MemorySegment scores = MemorySegment.NULL;

  ScorePagesVector(HostDevice device, ScorePagesSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    rotation = new RopeTable(spec.rope());
    headDim = spec.heads().headDim();
    padded = (headDim + Lanes.BLOCK - 1) / Lanes.BLOCK * Lanes.BLOCK;
    rows = new float[workers.threads()][headDim];
    queries = new float[workers.threads()][spec.heads().group() * padded];
    least = new float[workers.threads()][padded];
    most = new float[workers.threads()][padded];
    lanes = new float[workers.threads()][Lanes.COUNT];
    workspaceIs(bytes());
  }

  private long bytes() {
    long floats = headDim + queries[0].length + 2L * padded + Lanes.COUNT;
    return Float.BYTES * floats * workers.threads() + rotation.bytes();
  }

  @Override
  protected void prepare(PageTables next) {
    rotation.update(next);
    workspaceIs(bytes());
  }

  @Override
  protected void execute(
      PageTables step, int ofLayer, Tensor ofQueries, Tensor ofBounds, Tensor toScores) {
    batch = step;
    layer = ofLayer;
    q = ofQueries.segment();
    bounds = ofBounds.segment();
    scores = toScores.segment();
    workers.run(step.requests() * heads().kvHeads(), score);
  }

  private void score(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    int group = heads().group();
    float[] query = queries[worker];
    for (int head = 0; head < group; head++) {
      float[] one = rows[worker];
      Rows.copy(q, ((long) chunk * group + head) * headDim * Float.BYTES, one);
      rotation.rotate(chunk / heads().kvHeads(), one);
      for (int dim = 0; dim < headDim; dim++) {
        query[head * padded + dim] = one[dim] * spec().scale();
      }
    }
    boolean max = spec().reduction() == Reduction.MAX;
    for (int index = 0; index < batch.usedPageCount(row); index++) {
      read(batch.page(row, index), least[worker], most[worker]);
      float sum = max ? Float.NEGATIVE_INFINITY : 0;
      for (int head = 0; head < group; head++) {
        float estimate = estimate(query, head * padded, least[worker], most[worker], lanes[worker]);
        sum = max ? Math.max(sum, estimate) : sum + estimate;
      }
      scores.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          (batch.usedPageStart(row) + (long) index) * Float.BYTES,
          sum);
    }
  }

  /** Reads the bounds of a page; for a mix their place is taken by the key between them. */
  private void read(int page, float[] low, float[] high) {
    long at = 2L * page * headDim * Float.BYTES;
    MemorySegment.copy(bounds, ValueLayout.JAVA_FLOAT_UNALIGNED, at, low, 0, headDim);
    at += (long) headDim * Float.BYTES;
    MemorySegment.copy(bounds, ValueLayout.JAVA_FLOAT_UNALIGNED, at, high, 0, headDim);
    if (spec().estimate() == Estimate.MIX) {
      float mix = spec().mix();
      for (int dim = 0; dim < headDim; dim++) {
        low[dim] = mix * high[dim] + (1 - mix) * low[dim];
      }
      System.arraycopy(low, 0, high, 0, headDim);
    }
  }

  private static float estimate(float[] query, int at, float[] low, float[] high, float[] lanes) {
    FloatVector sum = FloatVector.zero(Lanes.F);
    for (int dim = 0; dim < low.length; dim += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.F, query, at + dim);
      FloatVector a = x.mul(FloatVector.fromArray(Lanes.F, low, dim));
      FloatVector b = x.mul(FloatVector.fromArray(Lanes.F, high, dim));
      sum = sum.add(a.max(b));
    }
    sum.intoArray(lanes, 0);
    float total = 0;
    for (int lane = 0; lane < Lanes.COUNT; lane++) {
      total += lanes[lane];
    }
    return total;
  }

  @Override
  protected void release() {}
}
