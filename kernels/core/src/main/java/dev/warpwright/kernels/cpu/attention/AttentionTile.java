package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * One thread's scratch memory, and attention of a few columns (query heads of tokens that share a
 * kv head) over slots of one row: softmax on the fly, one {@link SlotChunk} after the other, so
 * that keys and values are read from memory once for all columns.
 *
 * <p>The order of additions depends on slot numbers only. A chunk that a column sees nothing of
 * leaves the column's bits as they are.
 */
final class AttentionTile {
  private static final int COLUMNS = LogitTile.COLUMNS;
  private static final int CHUNK = LogitTile.CHUNK;

  private final SlotKernels kernels;
  private final LogitTile logits;
  private final int paddedDim;

  private final float[] most;
  private final float[] sums;
  private final float[] outs;
  private final float[] factors = new float[Lanes.COUNT];
  private float[] weights = new float[0];
  private int columns;

  /** Scratch memory for at most {@code maxColumns} columns. */
  AttentionTile(KvPoolVector pool, Masking masking, int maxColumns) {
    this.kernels = pool.kernels();
    this.logits = new LogitTile(pool, masking, maxColumns);
    this.paddedDim = pool.layout().paddedDim();
    int padded = LogitTile.padded(maxColumns);
    most = new float[padded];
    sums = new float[padded * Lanes.BLOCK];
    outs = new float[padded * paddedDim];
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return (long) Float.BYTES * (most.length + sums.length + outs.length) + logits.bytes();
  }

  /** Starts {@code count} columns, without slots. */
  void begin(int count) {
    columns = count;
    int padded = LogitTile.padded(count);
    Arrays.fill(most, 0, padded, Float.NEGATIVE_INFINITY);
    Arrays.fill(sums, 0, padded * Lanes.BLOCK, 0);
    Arrays.fill(outs, 0, padded * paddedDim, 0);
    logits.begin(count);
  }

  /** Where the queries of the columns are set. */
  LogitTile logits() {
    return logits;
  }

  /**
   * Adds the slots {@code from} (inclusive) to {@code to} (exclusive) of a row to all columns.
   *
   * @param scores keeps the logits
   * @param split what the slots are to {@code scores}
   */
  void attend(PageTables batch, int row, int from, int to, DecodeScores scores, int split) {
    for (int slot = from; slot < to; slot += CHUNK) {
      int count = Math.min(CHUNK, to - slot);
      if (!logits.open(batch, row, slot, count)) {
        scores.keepHidden(split, slot - from, count);
        continue;
      }
      for (int column = 0; column < columns; column += COLUMNS) {
        weights = logits.compute(column);
        for (int i = 0; i < COLUMNS; i++) {
          if (column + i < columns) {
            scores.keep(split, column + i, slot - from, weights, i * CHUNK, count);
          }
          soften(column + i, i * CHUNK);
          if (logits.chunk().scales().length > 0) {
            scaleValues(i * CHUNK, logits.chunk().scales());
          }
        }
        logits.chunk().accumulate(weights, outs, column * paddedDim);
      }
    }
  }

  /** Makes weights of the logits of one column, and rescales what it has so far. */
  private void soften(int column, int at) {
    int slots = logits.chunk().paddedSlots();
    FloatVector largest = FloatVector.broadcast(Lanes.F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < slots; i += Lanes.COUNT) {
      largest = largest.max(FloatVector.fromArray(Lanes.F, weights, at + i));
    }
    float before = most[column];
    float now = Math.max(before, largest.reduceLanes(VectorOperators.MAX));
    if (now == Float.NEGATIVE_INFINITY) {
      Arrays.fill(weights, at, at + slots, 0);
      return;
    }
    if (now != before) {
      rescale(column, before - now);
      most[column] = now;
    }
    float weightScale = kernels.weightScale();
    for (int i = at; i < at + slots; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.F, weights, i).sub(now).intoArray(weights, i);
    }
    Exp.exp(weights, at, at + slots);
    for (int i = 0; i < slots; i += Lanes.COUNT) {
      FloatVector w = FloatVector.fromArray(Lanes.F, weights, at + i);
      w.mul(weightScale).intoArray(weights, at + i);
      int sum = column * Lanes.BLOCK + i % Lanes.BLOCK;
      FloatVector.fromArray(Lanes.F, sums, sum).add(w).intoArray(sums, sum);
    }
  }

  /** Multiplies weights with the scales of their values; nothing stays nothing next to NaN. */
  private void scaleValues(int at, float[] scales) {
    int slots = logits.chunk().paddedSlots();
    for (int i = 0; i < slots; i++) {
      float weight = weights[at + i];
      weights[at + i] = weight == 0 ? 0 : weight * scales[CHUNK + i];
    }
  }

  private void rescale(int column, float exponent) {
    Arrays.fill(factors, exponent);
    Exp.exp(factors, 0, Lanes.COUNT);
    if (factors[0] == 0) { // what has no weight any more must not be multiplied: it may be infinite
      Arrays.fill(sums, column * Lanes.BLOCK, (column + 1) * Lanes.BLOCK, 0);
      Arrays.fill(outs, column * paddedDim, (column + 1) * paddedDim, 0);
      return;
    }
    FloatVector factor = FloatVector.fromArray(Lanes.F, factors, 0);
    for (int i = 0; i < Lanes.BLOCK; i += Lanes.COUNT) {
      int at = column * Lanes.BLOCK + i;
      FloatVector.fromArray(Lanes.F, sums, at).mul(factor).intoArray(sums, at);
    }
    for (int i = 0; i < paddedDim; i += Lanes.COUNT) {
      int at = column * paddedDim + i;
      FloatVector.fromArray(Lanes.F, outs, at).mul(factor).intoArray(outs, at);
    }
  }

  /** The largest logit of a column, −∞ when it saw nothing. */
  float most(int column) {
    return most[column];
  }

  /** Σ exp(logit − most) of a column. */
  float sum(int column) {
    float sum = 0;
    for (int i = 0; i < Lanes.BLOCK; i++) {
      sum += sums[column * Lanes.BLOCK + i];
    }
    return sum;
  }

  /** Says where an element stands in {@link #outs}. */
  SlotKernels kernels() {
    return kernels;
  }

  /** Array that holds Σ exp(logit − most) · value of all columns, times {@link #outScale}. */
  float[] outs() {
    return outs;
  }

  /** Where a column begins in {@link #outs}. */
  int outAt(int column) {
    return column * paddedDim;
  }

  /** Factor that makes sums of values of {@link #outs}. */
  float outScale() {
    return 1 / (kernels.weightScale() * kernels.valueScale());
  }
}
