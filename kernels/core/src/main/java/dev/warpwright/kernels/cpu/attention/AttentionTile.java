package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import java.lang.foreign.MemorySegment;
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
  private static final int COLUMNS = SlotKernels.COLUMNS;
  private static final int CHUNK = SlotKernels.CHUNK;

  private final SlotKernels kernels;
  private final SlotChunk chunk;
  private final Masking masking;
  private final int headDim;
  private final int paddedDim;

  private final float[] query;
  private final float[] queries;
  private final int[] positions;
  private final float[] most;
  private final float[] sums;
  private final float[] outs;
  private final float[] weights = new float[COLUMNS * CHUNK];
  private int columns;

  /** Scratch memory for at most {@code maxColumns} columns. */
  AttentionTile(KvPoolVector pool, Masking masking, int maxColumns) {
    this.kernels = pool.kernels();
    this.chunk = new SlotChunk(pool);
    this.masking = masking;
    this.headDim = pool.spec().headDim();
    this.paddedDim = pool.layout().paddedDim();
    int padded = (maxColumns + COLUMNS - 1) / COLUMNS * COLUMNS;
    query = new float[headDim];
    queries = new float[padded * headDim];
    positions = new int[padded];
    most = new float[padded];
    sums = new float[padded * Lanes.BLOCK];
    outs = new float[padded * paddedDim];
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    int floats =
        query.length + queries.length + most.length + sums.length + outs.length + weights.length;
    return (long) Float.BYTES * floats + (long) Integer.BYTES * positions.length + chunk.bytes();
  }

  /** Starts {@code count} columns, without slots. */
  void begin(int count) {
    columns = count;
    int padded = (count + COLUMNS - 1) / COLUMNS * COLUMNS;
    Arrays.fill(most, 0, padded, Float.NEGATIVE_INFINITY);
    Arrays.fill(sums, 0, padded * Lanes.BLOCK, 0);
    Arrays.fill(outs, 0, padded * paddedDim, 0);
    Arrays.fill(queries, 0, padded * headDim, 0);
  }

  /** Sets the query of a column: rotated as {@code token} of the batch and scaled. */
  void query(
      int column,
      MemorySegment q,
      long from,
      RopeTable rotation,
      int token,
      int position,
      float scale) {
    Rows.copy(q, from, query);
    rotation.rotate(token, query);
    int at = column / COLUMNS * COLUMNS * headDim + column % COLUMNS;
    for (int dim = 0; dim < headDim; dim++) {
      queries[at + dim * COLUMNS] = query[dim] * scale * kernels.queryScale();
    }
    positions[column] = position;
  }

  /** Adds the slots {@code from} (inclusive) to {@code to} (exclusive) of a row to all columns. */
  void attend(PageTables batch, int row, int from, int to) {
    int first = positions[0];
    int last = positions[columns - 1];
    for (int column = columns; column % COLUMNS != 0; column++) {
      positions[column] = last;
    }
    for (int slot = from; slot < to; slot += CHUNK) {
      chunk.load(batch, row, slot, Math.min(CHUNK, to - slot));
      // Positions rise with the columns, so the outermost decide for all.
      if (chunk.leastPosition() > upper(last) || chunk.mostPosition() < lower(first)) {
        continue;
      }
      chunk.open();
      boolean masked = chunk.mostPosition() > upper(first) || chunk.leastPosition() < lower(last);
      for (int column = 0; column < columns; column += COLUMNS) {
        chunk.scores(queries, column * headDim, weights);
        for (int i = 0; i < COLUMNS; i++) {
          soften(column + i, i * CHUNK, masked);
        }
        chunk.accumulate(weights, outs, column * paddedDim);
      }
    }
  }

  private int upper(int position) {
    return masking.causal() ? position : Integer.MAX_VALUE - 1;
  }

  private int lower(int position) {
    return masking.window() < 0 ? Integer.MIN_VALUE : position - masking.window();
  }

  /** Makes weights of the scores of one column, and rescales what it has so far. */
  private void soften(int column, int at, boolean masked) {
    int slots = chunk.paddedSlots();
    float scoreScale = chunk.scoreScale();
    if (scoreScale != 1) {
      scale(at, slots, scoreScale);
    }
    if (masking.softCap() != 0) {
      cap(at, slots, masking.softCap());
    }
    if (masked || slots != chunk.slots()) {
      hide(at, slots, lower(positions[column]), upper(positions[column]));
    }
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
    for (int i = 0; i < slots; i += Lanes.COUNT) {
      FloatVector w = Exp.exp(FloatVector.fromArray(Lanes.F, weights, at + i).sub(now));
      w.mul(weightScale).intoArray(weights, at + i);
      int sum = column * Lanes.BLOCK + i % Lanes.BLOCK;
      FloatVector.fromArray(Lanes.F, sums, sum).add(w).intoArray(sums, sum);
    }
  }

  private void scale(int at, int slots, float factor) {
    for (int i = at; i < at + slots; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.F, weights, i).mul(factor).intoArray(weights, i);
    }
  }

  private void cap(int at, int slots, float cap) {
    for (int i = at; i < at + slots; i += Lanes.COUNT) {
      SoftCap.apply(FloatVector.fromArray(Lanes.F, weights, i), cap).intoArray(weights, i);
    }
  }

  /** Gives −∞ to slots outside the given positions; those behind the end have an impossible one. */
  private void hide(int at, int slots, int lower, int upper) {
    int[] keyPositions = chunk.positions();
    for (int i = 0; i < slots; i++) {
      if (keyPositions[i] > upper || keyPositions[i] < lower) {
        weights[at + i] = Float.NEGATIVE_INFINITY;
      }
    }
  }

  private void rescale(int column, float exponent) {
    FloatVector factor = Exp.exp(FloatVector.broadcast(Lanes.F, exponent));
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
