package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;

/** The formula of {@link MergeSimilarKv}. */
final class MergeSimilarKvReference extends MergeSimilarKv {
  private final KvPoolReference pages;
  private final double[] key;
  private final double[] value;

  MergeSimilarKvReference(
      KernelDevice device, MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    super(device, spec, pool, logCounts, 0);
    pages = (KvPoolReference) pool;
    key = new double[spec.heads().headDim()];
    value = new double[spec.heads().headDim()];
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, Tensor kept, Tensor lengths) {
    int firstRow = batch.rowOf(layer, 0, 0);
    for (int row = firstRow; row < batch.rowOf(layer + 1, 0, 0); row++) {
      int next = batch.nextPosition((row - firstRow) / batch.kvHeads());
      int count = 0;
      for (int from = 0; from < batch.length(row); ) {
        int to = from + 1;
        while (to < batch.length(row) && belongTogether(batch, row, to, next)) {
          to++;
        }
        int pivot = pivot(scores, batch.slotStart(row), from, to);
        if (to - from > 1) {
          merge(batch, row, from, to, pivot);
        }
        kept.setInt(batch.slotStart(row) + count++, pivot);
        from = to;
      }
      lengths.setInt(row - firstRow, count);
      for (int i = count; i < batch.length(row); i++) {
        kept.setInt(batch.slotStart(row) + i, -1);
      }
    }
  }

  /** Whether a slot belongs to the one before it. */
  private boolean belongTogether(PageTables batch, int row, int slot, int next) {
    if (spec().isProtected(position(batch, row, slot - 1), next)
        || spec().isProtected(position(batch, row, slot), next)) {
      return false;
    }
    double dot = 0;
    double first = 0;
    double second = 0;
    for (int dim = 0; dim < key.length; dim++) {
      double a = key(batch, row, slot - 1, dim);
      double b = key(batch, row, slot, dim);
      dot += a * b;
      first += a * a;
      second += b * b;
    }
    return first > 0 && second > 0 && dot >= spec().threshold() * Math.sqrt(first * second);
  }

  private static int pivot(Tensor scores, long start, int from, int to) {
    int pivot = from;
    for (int slot = from + 1; slot < to; slot++) {
      float best = scores.getFloat(start + pivot);
      float score = scores.getFloat(start + slot);
      pivot = score > best || (Float.isNaN(best) && !Float.isNaN(score)) ? slot : pivot;
    }
    return pivot;
  }

  private void merge(PageTables batch, int row, int from, int to, int pivot) {
    double variance = 0;
    for (int slot = from; slot < to; slot++) {
      variance += distance(batch, row, pivot, slot);
    }
    variance /= to - from;
    double total = 0;
    double tokens = 0;
    double[] weights = new double[to - from];
    for (int slot = from; slot < to; slot++) {
      double count = Math.rint(Math.exp(logCounts().tensor().getFloat(number(batch, row, slot))));
      double distance = distance(batch, row, pivot, slot);
      weights[slot - from] = variance == 0 ? count : count * Math.exp(-distance / (2 * variance));
      total += weights[slot - from];
      tokens += count;
    }
    for (int dim = 0; dim < key.length; dim++) {
      key[dim] = 0;
      value[dim] = 0;
      for (int slot = from; slot < to; slot++) {
        key[dim] += weights[slot - from] * key(batch, row, slot, dim);
        value[dim] += weights[slot - from] * value(batch, row, slot, dim);
      }
      key[dim] /= total;
      value[dim] /= total;
    }
    int page = batch.page(row, pivot / batch.pageSize());
    pages.putKey(page, pivot % batch.pageSize(), key);
    pages.putValue(page, pivot % batch.pageSize(), value);
    logCounts().tensor().setFloat(number(batch, row, pivot), (float) Math.log(tokens));
  }

  private double distance(PageTables batch, int row, int a, int b) {
    double sum = 0;
    for (int dim = 0; dim < key.length; dim++) {
      double difference = (double) key(batch, row, a, dim) - key(batch, row, b, dim);
      sum += difference * difference;
    }
    return sum;
  }

  private long number(PageTables batch, int row, int slot) {
    return logCounts().at(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize());
  }

  private int position(PageTables batch, int row, int slot) {
    return pages.position(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize());
  }

  private float key(PageTables batch, int row, int slot, int dim) {
    return pages.key(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize(), dim);
  }

  private float value(PageTables batch, int row, int slot, int dim) {
    return pages.value(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize(), dim);
  }

  @Override
  protected void release() {}
}
