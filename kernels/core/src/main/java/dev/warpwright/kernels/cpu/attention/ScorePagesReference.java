package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec.Estimate;
import dev.warpwright.kernels.attention.ScorePagesSpec.Reduction;

/** The formula of {@link ScorePages}. */
final class ScorePagesReference extends ScorePages {
  private final double[] query;

  ScorePagesReference(KernelDevice device, ScorePagesSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    query = new double[spec.heads().headDim()];
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor q, Tensor bounds, Tensor scores) {
    int group = heads().group();
    boolean max = spec().reduction() == Reduction.MAX;
    for (int row = batch.rowOf(layer, 0, 0); row < batch.rowOf(layer + 1, 0, 0); row++) {
      int inLayer = row - batch.rowOf(layer, 0, 0);
      int position = batch.position(inLayer / heads().kvHeads(), 0);
      for (int index = 0; index < batch.usedPageCount(row); index++) {
        double score = max ? Double.NEGATIVE_INFINITY : 0;
        for (int head = 0; head < group; head++) {
          readQuery(q, (long) inLayer * group + head, position);
          double estimate = estimate(bounds, batch.page(row, index));
          score = max ? Math.max(score, estimate) : score + estimate;
        }
        scores.setFloat(batch.usedPageStart(row) + index, (float) score);
      }
    }
  }

  private void readQuery(Tensor q, long entry, int position) {
    for (int dim = 0; dim < query.length; dim++) {
      query[dim] = q.getFloat(entry * query.length + dim);
    }
    Rotation.rotate(spec().rope(), position, query);
    for (int dim = 0; dim < query.length; dim++) {
      query[dim] *= spec().scale();
    }
  }

  private double estimate(Tensor bounds, int page) {
    double mix = spec().mix();
    double sum = 0;
    for (int dim = 0; dim < query.length; dim++) {
      double least = bounds.getFloat(2L * page * query.length + dim);
      double most = bounds.getFloat((2L * page + 1) * query.length + dim);
      sum +=
          spec().estimate() == Estimate.BOUND
              ? Math.max(query[dim] * least, query[dim] * most)
              : query[dim] * (mix * most + (1 - mix) * least);
    }
    return sum;
  }

  @Override
  protected void release() {}
}
