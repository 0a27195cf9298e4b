package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.cpu.HostDevice;
import java.util.Arrays;

/**
 * Merges slots; one chunk of work is one row. Each key is read once to find the sets; those of a
 * set are read again to be merged. Sums must be in the order of elements, so they are scalar.
 */
final class MergeSimilarKvVector extends MergeSimilarKv {
  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final Scratch[] scratches;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask mergeRow = this::mergeRow;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private Tensor scores;
  private Tensor kept;
  private Tensor lengths;

  /** What a thread needs. */
  private static final class Scratch {
    private float[] key;
    private float[] before;
    private final float[] pivotKey;
    private final double[] keySums;
    private final double[] valueSums;

    Scratch(int headDim) {
      key = new float[headDim];
      before = new float[headDim];
      pivotKey = new float[headDim];
      keySums = new double[headDim];
      valueSums = new double[headDim];
    }

    static long bytes(int headDim) {
      return (3L * Float.BYTES + 2L * Double.BYTES) * headDim;
    }
  }

  MergeSimilarKvVector(
      HostDevice device, MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    super(device, spec, pool, logCounts, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    int headDim = spec.heads().headDim();
    scratches = new Scratch[workers.threads()];
    for (int i = 0; i < scratches.length; i++) {
      scratches[i] = new Scratch(headDim);
    }
    scores = logCounts.tensor();
    kept = scores;
    lengths = scores;
    workspaceIs(workers.threads() * Scratch.bytes(headDim));
  }

  @Override
  protected void prepare(PageTables next) {}

  @Override
  protected void execute(
      PageTables step, int ofLayer, Tensor ofScores, Tensor toKept, Tensor toLengths) {
    batch = step;
    layer = ofLayer;
    scores = ofScores;
    kept = toKept;
    lengths = toLengths;
    workers.run(step.requests() * heads().kvHeads(), mergeRow);
  }

  private void mergeRow(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    int next = batch.nextPosition(chunk / heads().kvHeads());
    int length = batch.length(row);
    long start = batch.slotStart(row);
    Scratch scratch = scratches[worker];
    int count = 0;
    int from = 0;
    // Merging writes a slot of a set that is complete: what the next sets are found by is read on.
    for (int slot = 0; slot < length; slot++) {
      float[] swap = scratch.before;
      scratch.before = scratch.key;
      scratch.key = swap;
      readKey(row, slot, scratch.key);
      if (slot > 0 && !belongTogether(scratch, row, slot, next)) {
        kept.setInt(start + count++, complete(scratch, row, start, from, slot));
        from = slot;
      }
    }
    if (length > 0) {
      kept.setInt(start + count++, complete(scratch, row, start, from, length));
    }
    lengths.setInt(chunk, count);
    for (int i = count; i < length; i++) {
      kept.setInt(start + i, -1);
    }
  }

  private boolean belongTogether(Scratch scratch, int row, int slot, int next) {
    if (spec().isProtected(position(row, slot - 1), next)
        || spec().isProtected(position(row, slot), next)) {
      return false;
    }
    double dot = 0;
    double first = 0;
    double second = 0;
    for (int dim = 0; dim < scratch.key.length; dim++) {
      double a = scratch.before[dim];
      double b = scratch.key[dim];
      dot += a * b;
      first += a * a;
      second += b * b;
    }
    return first > 0 && second > 0 && dot >= spec().threshold() * Math.sqrt(first * second);
  }

  /** Merges a set of slots, if there are several; returns the pivot. */
  private int complete(Scratch scratch, int row, long start, int from, int to) {
    int pivot = from;
    for (int slot = from + 1; slot < to; slot++) {
      int key = RadixSelect.key(scores.getFloat(start + slot));
      if (Integer.compareUnsigned(key, RadixSelect.key(scores.getFloat(start + pivot))) > 0) {
        pivot = slot;
      }
    }
    if (to - from > 1) {
      merge(scratch, row, from, to, pivot);
    }
    return pivot;
  }

  private void merge(Scratch scratch, int row, int from, int to, int pivot) {
    // The key that was read ahead is wanted again; this set's are read into the other array.
    float[] vector = scratch.before;
    readKey(row, pivot, scratch.pivotKey);
    double variance = 0;
    for (int slot = from; slot < to; slot++) {
      readKey(row, slot, vector);
      variance += distance(scratch.pivotKey, vector);
    }
    variance /= to - from;
    Arrays.fill(scratch.keySums, 0);
    Arrays.fill(scratch.valueSums, 0);
    double total = 0;
    double tokens = 0;
    for (int slot = from; slot < to; slot++) {
      double count = Math.rint(Math.exp(logCounts().tensor().getFloat(number(row, slot))));
      readKey(row, slot, vector);
      double distance = distance(scratch.pivotKey, vector);
      double weight = variance == 0 ? count : count * Math.exp(-distance / (2 * variance));
      add(weight, vector, scratch.keySums);
      pages.getValue(page(row, slot), slot % batch.pageSize(), vector);
      add(weight, vector, scratch.valueSums);
      total += weight;
      tokens += count;
    }
    int page = page(row, pivot);
    int inPage = pivot % batch.pageSize();
    divide(scratch.keySums, total, vector);
    pages.putKey(page, inPage, vector);
    divide(scratch.valueSums, total, vector);
    pages.putValue(page, inPage, vector);
    logCounts().tensor().setFloat(number(row, pivot), (float) Math.log(tokens));
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int dim = 0; dim < a.length; dim++) {
      double difference = (double) a[dim] - b[dim];
      sum += difference * difference;
    }
    return sum;
  }

  private static void add(double weight, float[] vector, double[] sums) {
    for (int dim = 0; dim < sums.length; dim++) {
      sums[dim] += weight * vector[dim];
    }
  }

  private static void divide(double[] sums, double total, float[] to) {
    for (int dim = 0; dim < sums.length; dim++) {
      to[dim] = (float) (sums[dim] / total);
    }
  }

  private void readKey(int row, int slot, float[] to) {
    pages.getKey(page(row, slot), slot % batch.pageSize(), to);
  }

  private int page(int row, int slot) {
    return batch.page(row, slot / batch.pageSize());
  }

  private int position(int row, int slot) {
    return pages.position(page(row, slot), slot % batch.pageSize());
  }

  private long number(int row, int slot) {
    return logCounts().at(page(row, slot), slot % batch.pageSize());
  }

  @Override
  protected void release() {}
}
