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
  private final float[][] estimates;
  private final float[][] parts;

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
    estimates = new float[workers.threads()][spec.heads().group()];
    parts = new float[workers.threads()][padded];
    workspaceIs(bytes());
  }

  private long bytes() {
    long floats = headDim + queries[0].length + 3L * padded + estimates[0].length;
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
    float[] low = least[worker];
    float[] high = most[worker];
    float[] ofHeads = estimates[worker];
    for (int index = 0; index < batch.usedPageCount(row); index++) {
      read(batch.page(row, index), low, high);
      for (int head = 0; head < group; head++) {
        ofHeads[head] = estimate(query, head * padded, low, high, parts[worker]);
      }
      scores.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          (batch.usedPageStart(row) + (long) index) * Float.BYTES,
          reduce(ofHeads));
    }
  }

  private float reduce(float[] ofHeads) {
    boolean max = spec().reduction() == Reduction.MAX;
    float sum = max ? Float.NEGATIVE_INFINITY : 0;
    for (float estimate : ofHeads) {
      sum = max ? Math.max(sum, estimate) : sum + estimate;
    }
    return sum;
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

  /** Plain loops over arrays, which the compiler vectorises; vectors became objects by chance. */
  private static float estimate(float[] query, int at, float[] low, float[] high, float[] parts) {
    for (int dim = 0; dim < parts.length; dim++) {
      parts[dim] = Math.max(query[at + dim] * low[dim], query[at + dim] * high[dim]);
    }
    for (int block = Lanes.BLOCK; block < parts.length; block += Lanes.BLOCK) {
      for (int i = 0; i < Lanes.BLOCK; i++) {
        parts[i] += parts[block + i];
      }
    }
    for (int half = Lanes.BLOCK / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        parts[i] += parts[half + i];
      }
    }
    return parts[0];
  }

  @Override
  protected void release() {}
}
