package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Adds scores to the numbers beside the slots; one chunk of work is one row. The slots of a page
 * lie side by side: their numbers are brought into arrays, and all are worked on at once.
 */
final class ScoreAccumulateVector extends ScoreAccumulate {
  private final WorkerPool workers;
  private final Scratch[] scratches;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask addRow = this::addRow;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private MemorySegment numbers;
  private MemorySegment scores;
  private @Nullable MemorySegment variances;

  /** What a thread needs: the numbers of a page's slots. */
  private static final class Scratch {
    private final float[] kept;
    private final float[] scores;
    private final float[] variances;

    Scratch(int pageSize, int width) {
      kept = new float[pageSize * width];
      scores = new float[pageSize];
      variances = new float[pageSize];
    }

    long bytes() {
      return (long) Float.BYTES * (kept.length + scores.length + variances.length);
    }
  }

  ScoreAccumulateVector(HostDevice device, ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    super(device, spec, pool, array, 0);
    workers = device.pool();
    scratches = new Scratch[workers.threads()];
    for (int i = 0; i < scratches.length; i++) {
      scratches[i] = new Scratch(spec.pool().pageSize(), array.width());
    }
    numbers = array.tensor().segment();
    scores = numbers;
    workspaceIs(scratches.length * scratches[0].bytes());
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(
      PageTables step, int ofLayer, Tensor newScores, @Nullable Tensor newVariances) {
    batch = step;
    layer = ofLayer;
    numbers = array().tensor().segment();
    scores = newScores.segment();
    variances = newVariances == null ? null : newVariances.segment();
    workers.run(step.requests() * heads().kvHeads(), addRow);
  }

  private void addRow(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    int n = Math.min(spec().window(), batch.newTokens(chunk / heads().kvHeads()));
    for (int index = 0; index < batch.usedPageCount(row) && n > 0; index++) {
      int slot = index * batch.pageSize();
      int count = Math.min(batch.pageSize(), batch.length(row) - slot);
      long from = (batch.slotStart(row) + slot) * Float.BYTES;
      long at = array().at(batch.page(row, index), 0) * Float.BYTES;
      add(from, at, count, n, scratches[worker]);
    }
  }

  /** Adds the scores of a page's slots. */
  private void add(long from, long at, int count, int n, Scratch scratch) {
    float[] kept = scratch.kept;
    int width = spec().statistic().width();
    if (spec().restart()) {
      Arrays.fill(kept, 0, count * width, 0);
    } else {
      MemorySegment.copy(numbers, ValueLayout.JAVA_FLOAT_UNALIGNED, at, kept, 0, count * width);
    }
    read(scores, from, scratch.scores, count);
    if (spec().statistic() == Statistic.SUM) {
      sum(kept, spec().restart(), scratch.scores, count);
    } else {
      if (variances == null) {
        Arrays.fill(scratch.variances, 0);
      } else {
        read(variances, from, scratch.variances, count);
      }
      merge(kept, n, scratch.scores, scratch.variances, count);
    }
    MemorySegment.copy(kept, 0, numbers, ValueLayout.JAVA_FLOAT_UNALIGNED, at, count * width);
  }

  private static void read(MemorySegment from, long at, float[] to, int count) {
    MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, at, to, 0, count);
  }

  private static void sum(float[] kept, boolean restart, float[] scores, int count) {
    if (restart) {
      System.arraycopy(scores, 0, kept, 0, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      kept[i] += scores[i];
    }
  }

  /** Merges {@code n} observations of each slot into count, mean, squares. */
  private static void merge(float[] kept, int n, float[] means, float[] variances, int count) {
    for (int i = 0; i < count; i++) {
      double before = kept[3 * i];
      double delta = (double) means[i] - kept[3 * i + 1];
      double total = before + n;
      double squares = kept[3 * i + 2] + (double) variances[i] * (n - 1);
      kept[3 * i] = (float) total;
      kept[3 * i + 1] = (float) (kept[3 * i + 1] + delta * n / total);
      kept[3 * i + 2] = (float) (squares + delta * delta * before * n / total);
    }
  }

  @Override
  protected void release() {}
}
