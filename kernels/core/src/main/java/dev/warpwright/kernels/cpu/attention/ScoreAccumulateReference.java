package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.SlotArray;
import org.jspecify.annotations.Nullable;

/** The formula of {@link ScoreAccumulate}. */
final class ScoreAccumulateReference extends ScoreAccumulate {
  ScoreAccumulateReference(
      KernelDevice device, ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    super(device, spec, pool, array, 0);
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, @Nullable Tensor variances) {
    for (int request = 0; request < batch.requests(); request++) {
      for (int kvHead = 0; kvHead < heads().kvHeads(); kvHead++) {
        row(batch, batch.rowOf(layer, request, kvHead), request, scores, variances);
      }
    }
  }

  /** Adds the scores of one row. */
  private void row(
      PageTables batch, int row, int request, Tensor scores, @Nullable Tensor variances) {
    int n = Math.min(spec().window(), batch.newTokens(request));
    for (int slot = 0; slot < batch.length(row) && n > 0; slot++) {
      long from = batch.slotStart(row) + slot;
      long at = array().at(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize());
      float score = scores.getFloat(from);
      if (spec().statistic() == ScoreAccumulateSpec.Statistic.SUM) {
        SlotStatistics.add(array().tensor(), at, spec().restart(), score);
      } else {
        float variance = variances == null ? 0 : variances.getFloat(from);
        SlotStatistics.merge(array().tensor(), at, spec().restart(), n, score, variance);
      }
    }
  }

  @Override
  protected void release() {}
}
