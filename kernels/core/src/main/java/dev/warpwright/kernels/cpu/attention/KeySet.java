package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.Arrays;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * One thread's room to merge the slots of a set. The keys of a small set are read once; a distance
 * is summed up in as many parts as a vector has lanes.
 */
final class KeySet {
  private static final VectorSpecies<Double> D =
      VectorSpecies.of(double.class, Lanes.F.vectorShape());

  /** Keys that are kept from finding their distances until they are added up. */
  private static final int KEPT = 8;

  private final KvPoolVector pool;
  private final float[][] keys;
  private final float[] pivotKey;
  private final float[] value;
  private final double[] keySums;
  private final double[] valueSums;
  private final double[] lanes = new double[D.length()];
  private double[] distances = new double[0];

  KeySet(KvPoolVector pool) {
    this.pool = pool;
    int headDim = pool.spec().headDim();
    keys = new float[KEPT][headDim];
    pivotKey = new float[headDim];
    value = new float[headDim];
    keySums = new double[headDim];
    valueSums = new double[headDim];
  }

  /** Makes room for sets of {@code slots} slots. */
  void reserve(int slots) {
    if (distances.length < slots) {
      distances = new double[slots];
    }
  }

  /** Bytes of the room. */
  long bytes() {
    return (KEPT + 2L) * Float.BYTES * value.length
        + (2L * value.length + lanes.length + distances.length) * Double.BYTES;
  }

  /** Merges the slots {@code from} (inclusive) to {@code to} (exclusive) of a row into one. */
  void merge(PageTables batch, int row, int from, int to, int pivot, SlotArray logCounts) {
    int pageSize = batch.pageSize();
    int pivotPage = batch.page(row, pivot / pageSize);
    pool.getKey(pivotPage, pivot % pageSize, pivotKey);
    double variance = 0;
    for (int slot = from; slot < to; slot++) {
      int i = slot - from;
      pool.getKey(batch.page(row, slot / pageSize), slot % pageSize, keys[i % KEPT]);
      distances[i] = distance(pivotKey, keys[i % KEPT]);
      variance += distances[i];
    }
    variance /= to - from;
    Arrays.fill(keySums, 0);
    Arrays.fill(valueSums, 0);
    Tensor counts = logCounts.tensor();
    double total = 0;
    double tokens = 0;
    for (int slot = from; slot < to; slot++) {
      int i = slot - from;
      int page = batch.page(row, slot / pageSize);
      int inPage = slot % pageSize;
      double count = Math.rint(Math.exp(counts.getFloat(logCounts.at(page, inPage))));
      double weight = variance == 0 ? count : count * Math.exp(-distances[i] / (2 * variance));
      if (to - from > KEPT) {
        pool.getKey(page, inPage, keys[i % KEPT]);
      }
      add(weight, keys[i % KEPT], keySums);
      pool.getValue(page, inPage, value);
      add(weight, value, valueSums);
      total += weight;
      tokens += count;
    }
    divide(keySums, total, value);
    pool.putKey(pivotPage, pivot % pageSize, value);
    divide(valueSums, total, value);
    pool.putValue(pivotPage, pivot % pageSize, value);
    counts.setFloat(logCounts.at(pivotPage, pivot % pageSize), (float) Math.log(tokens));
  }

  private double distance(float[] a, float[] b) {
    DoubleVector low = DoubleVector.zero(D);
    DoubleVector high = low;
    int dim = 0;
    for (; dim + Lanes.COUNT <= a.length; dim += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.F, a, dim);
      FloatVector y = FloatVector.fromArray(Lanes.F, b, dim);
      DoubleVector first =
          (DoubleVector)
              x.convertShape(VectorOperators.F2D, D, 0)
                  .sub(y.convertShape(VectorOperators.F2D, D, 0));
      DoubleVector second =
          (DoubleVector)
              x.convertShape(VectorOperators.F2D, D, 1)
                  .sub(y.convertShape(VectorOperators.F2D, D, 1));
      low = first.fma(first, low);
      high = second.fma(second, high);
    }
    low.add(high).intoArray(lanes, 0);
    double sum = 0;
    for (double lane : lanes) {
      sum += lane;
    }
    for (; dim < a.length; dim++) {
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
}
