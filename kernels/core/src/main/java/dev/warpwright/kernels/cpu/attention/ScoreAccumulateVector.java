package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.cpu.HostDevice;
import org.jspecify.annotations.Nullable;

/**
 * Adds scores to the numbers beside the slots; one chunk of work is one row. Reading and writing
 * scattered pages is what it costs, so the formulas are scalar.
 */
final class ScoreAccumulateVector extends ScoreAccumulate {
  private final WorkerPool workers;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask addRow = this::addRow;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private Tensor scores;
  private @Nullable Tensor variances;

  ScoreAccumulateVector(HostDevice device, ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    super(device, spec, pool, array, 0);
    workers = device.pool();
    scores = array.tensor();
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(
      PageTables step, int ofLayer, Tensor newScores, @Nullable Tensor newVariances) {
    batch = step;
    layer = ofLayer;
    scores = newScores;
    variances = newVariances;
    workers.run(step.requests() * heads().kvHeads(), addRow);
  }

  private void addRow(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    int request = chunk / heads().kvHeads();
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
