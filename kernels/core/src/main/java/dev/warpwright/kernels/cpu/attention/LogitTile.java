package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/**
 * Logits of a few columns (query heads of tokens that share a kv head) for one {@link SlotChunk} of
 * a row after the other, four columns at a time: products, scale, cap, bias and mask.
 */
final class LogitTile {
  static final int COLUMNS = SlotKernels.COLUMNS;
  static final int CHUNK = SlotKernels.CHUNK;

  private final SlotKernels kernels;
  private final SlotChunk chunk;
  private final Masking masking;
  private final int headDim;

  private final float[] query;
  private final float[] queries;
  private final int[] positions;
  private final float[] slopes;
  private final float[] logits = new float[COLUMNS * CHUNK];
  private final float[] scratch = new float[CHUNK];
  private int columns;
  private int leastQuery;
  private int mostQuery;
  private boolean masked;

  /** Scratch memory for at most {@code maxColumns} columns. */
  LogitTile(KvPoolVector pool, Masking masking, int maxColumns) {
    this.kernels = pool.kernels();
    this.chunk = new SlotChunk(pool, maxColumns);
    this.masking = masking;
    this.headDim = pool.spec().headDim();
    query = new float[headDim];
    queries = new float[padded(maxColumns) * headDim];
    positions = new int[padded(maxColumns)];
    slopes = new float[padded(maxColumns)];
  }

  /** A number of columns rounded up to whole fours. */
  static int padded(int columns) {
    return (columns + COLUMNS - 1) / COLUMNS * COLUMNS;
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    int floats = query.length + queries.length + slopes.length + logits.length + scratch.length;
    return (long) Float.BYTES * floats + (long) Integer.BYTES * positions.length + chunk.bytes();
  }

  /** Starts {@code count} columns. */
  void begin(int count) {
    columns = count;
    leastQuery = Integer.MAX_VALUE;
    mostQuery = Integer.MIN_VALUE;
    Arrays.fill(queries, 0, padded(count) * headDim, 0);
  }

  /** Numbers that are added to the logits of their slots; null for none. */
  void slotBias(@Nullable SlotArray value) {
    chunk.bias(value);
  }

  /** Sets the query of a column: rotated as {@code token} of the batch and scaled. */
  void query(
      int column,
      MemorySegment q,
      long from,
      RopeTable rotation,
      int token,
      int position,
      float scale,
      float slope) {
    Rows.copy(q, from, query);
    rotation.rotate(token, query);
    int at = column / COLUMNS * COLUMNS * headDim + column % COLUMNS;
    for (int dim = 0; dim < headDim; dim++) {
      queries[at + dim * COLUMNS] = query[dim] * scale * kernels.queryScale();
    }
    positions[column] = position;
    leastQuery = Math.min(leastQuery, position);
    mostQuery = Math.max(mostQuery, position);
    slopes[column] = slope;
    if (column == columns - 1) {
      Arrays.fill(positions, columns, padded(columns), position);
    }
  }

  /**
   * Takes the slots {@code from} to {@code from + count} of a row.
   *
   * @return whether any column sees any of them; if not, there is nothing to compute
   */
  boolean open(PageTables batch, int row, int from, int count) {
    chunk.load(batch, row, from, count);
    if (chunk.leastPosition() > upper(mostQuery) || chunk.mostPosition() < lower(leastQuery)) {
      return false;
    }
    chunk.open();
    masked =
        chunk.mostPosition() > upper(leastQuery)
            || chunk.leastPosition() < lower(mostQuery)
            || chunk.paddedSlots() != chunk.slots();
    return true;
  }

  /** The slots that {@link #open} took. */
  SlotChunk chunk() {
    return chunk;
  }

  /**
   * Logits of the four columns from {@code column} on, {@code [4, CHUNK]}; −∞ where masked, and
   * behind the last slot. The array may be written until the next call.
   */
  float[] compute(int column) {
    chunk.scores(queries, column * headDim, logits);
    int slots = chunk.paddedSlots();
    for (int i = 0; i < COLUMNS; i++) {
      int at = i * CHUNK;
      int position = positions[column + i];
      float scoreScale = chunk.scoreScale();
      if (scoreScale != 1) {
        scale(at, slots, scoreScale);
      }
      if (chunk.scales().length > 0) {
        scaleKeys(at, slots, chunk.scales());
      }
      if (masking.softCap() != 0) {
        SoftCap.apply(logits, at, at + slots, masking.softCap(), scratch);
      }
      if (masking.alibi()) {
        bend(at, slots, slopes[column + i], position);
      }
      if (chunk.hasBias()) {
        add(at, slots, chunk.biases());
      }
      if (masked) {
        hide(at, slots, lower(position), upper(position));
      }
    }
    return logits;
  }

  private int upper(int position) {
    return masking.causal() ? position : Integer.MAX_VALUE - 1;
  }

  private int lower(int position) {
    return masking.window() < 0 ? Integer.MIN_VALUE : position - masking.window();
  }

  private void scale(int at, int slots, float factor) {
    for (int i = at; i < at + slots; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.F, logits, i).mul(factor).intoArray(logits, i);
    }
  }

  private void scaleKeys(int at, int slots, float[] factors) {
    for (int i = 0; i < slots; i++) {
      logits[at + i] *= factors[i];
    }
  }

  /** Adds the linear bias; what it adds behind the last slot is hidden afterwards. */
  private void bend(int at, int slots, float slope, int position) {
    int[] keyPositions = chunk.positions();
    for (int i = 0; i < slots; i++) {
      logits[at + i] += slope * (keyPositions[i] - position);
    }
  }

  private void add(int at, int slots, float[] biases) {
    for (int i = 0; i < slots; i++) {
      logits[at + i] += biases[i];
    }
  }

  /** Gives −∞ to slots outside the given positions; those behind the end have an impossible one. */
  private void hide(int at, int slots, int lower, int upper) {
    int[] keyPositions = chunk.positions();
    for (int i = 0; i < slots; i++) {
      if (keyPositions[i] > upper || keyPositions[i] < lower) {
        logits[at + i] = Float.NEGATIVE_INFINITY;
      }
    }
  }
}
