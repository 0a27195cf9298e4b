package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.NativeLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * One thread's scratch memory for attention in C: what {@link AttentionTile} does, for the query
 * heads of one token and the slots of one split. Which of the two does it depends on the pool and
 * the row's pages only.
 */
final class NativeTile {
  /** Most slots of a call, {@code WW_SPLIT}. */
  private static final int SPLIT = 1024;

  /** Slots behind them whose pages are named too, {@code WW_SPLIT_AHEAD}. */
  private static final int AHEAD = 128;

  private static final int COLUMNS = LogitTile.COLUMNS;

  private final KvPoolVector pool;
  private final Masking masking;
  private final int columns;
  private final float[] query;
  private final int[] table = new int[(SPLIT + AHEAD) / Lanes.BLOCK + 1];
  private final MemorySegment tableSegment = MemorySegment.ofArray(table);
  private final MemorySegment plan;
  private final MemorySegment queries;
  private final MemorySegment slopes;
  private final MemorySegment outs;
  private final MemorySegment states;
  private int position;

  /** Scratch memory for the query heads of a kv head. */
  NativeTile(KvPoolVector pool, PagedDecodeSpec spec) {
    this.pool = pool;
    masking = spec.masking();
    columns = spec.heads().group();
    plan = DecodeNative.plan(pool, spec);
    query = new float[pool.spec().headDim()];
    int padded = LogitTile.padded(columns);
    queries = NativeLibrary.allocate((long) padded * query.length * Float.BYTES);
    slopes = NativeLibrary.allocate((long) padded * Float.BYTES);
    outs = NativeLibrary.allocate((long) padded * pool.layout().paddedDim() * Float.BYTES);
    states = NativeLibrary.allocate(2L * padded * Float.BYTES);
  }

  /** Whether C kernels read the pages of {@code pool}. */
  static boolean isFor(HostDevice device, KvPoolVector pool) {
    return device.nativeKernels() && pool.layout().blocked();
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return plan.byteSize()
        + queries.byteSize()
        + slopes.byteSize()
        + outs.byteSize()
        + states.byteSize()
        + (long) Integer.BYTES * table.length
        + (long) Float.BYTES * query.length;
  }

  /** Sets the query of a column: rotated as {@code token} of the batch and scaled. */
  void query(
      int column,
      MemorySegment q,
      long from,
      RopeTable rotation,
      int token,
      int ofPosition,
      float scale,
      float slope) {
    Rows.copy(q, from, query);
    rotation.rotate(token, query);
    position = ofPosition;
    slopes.setAtIndex(ValueLayout.JAVA_FLOAT, column, slope);
    // Elements of a word side by side, of four columns.
    int inWord = pool.layout().wordElements();
    long at = (long) column / COLUMNS * COLUMNS * query.length;
    for (int dim = 0; dim < query.length; dim++) {
      long place = (long) (dim / inWord * COLUMNS + column % COLUMNS) * inWord + dim % inWord;
      queries.setAtIndex(ValueLayout.JAVA_FLOAT, at + place, query[dim] * scale);
    }
  }

  /**
   * Attends to the slots {@code from} (inclusive) to {@code to} (exclusive) of a row, a whole split
   * or the rest of the row.
   *
   * @param bias numbers beside the slots that are added to logits; null for none
   * @param scores keeps the logits
   * @param split what the slots are to {@code scores}
   * @return false if C kernels do not take the row's pages; then nothing is done
   */
  boolean attend(
      PageTables batch,
      int row,
      int from,
      int to,
      @Nullable SlotArray bias,
      DecodeScores scores,
      int split) {
    int pageSize = batch.pageSize();
    int first = from / pageSize;
    int end = Math.min(batch.length(row), to + AHEAD);
    int pages = (end + pageSize - 1) / pageSize - first;
    for (int i = 0; i < pages; i++) {
      table[i] = batch.page(row, first + i);
      if ((first + i) * (long) pageSize < to && pool.isWild(table[i])) {
        return false;
      }
    }
    DecodeNative.attend(
        plan,
        pool.pages(),
        tableSegment,
        from % pageSize,
        to - from,
        end - to,
        queries,
        position,
        masking.window() < 0 ? Integer.MIN_VALUE : (long) position - masking.window(),
        masking.causal() ? position : Integer.MAX_VALUE - 1,
        numbers(pool.scales()),
        numbers(bias),
        masking.alibi() ? slopes : MemorySegment.NULL,
        outs,
        states,
        scores.logits(split),
        scores.stride(split));
    return true;
  }

  private static MemorySegment numbers(@Nullable SlotArray array) {
    return array == null ? MemorySegment.NULL : array.tensor().segment();
  }

  /** The largest logit of a column, −∞ when it saw nothing. */
  float most(int column) {
    return states.getAtIndex(ValueLayout.JAVA_FLOAT, 2L * column);
  }

  /** Σ exp(logit − most) of a column. */
  float sum(int column) {
    return states.getAtIndex(ValueLayout.JAVA_FLOAT, 2L * column + 1);
  }

  /** Copies the sums of weighted values, in the order and scale of {@link AttentionTile#outs}. */
  void copyOuts(float[] into) {
    SlotKernels kernels = pool.kernels();
    int paddedDim = pool.layout().paddedDim();
    float scale = kernels.weightScale() * kernels.valueScale();
    for (int column = 0; column < columns; column++) {
      long at = (long) column * paddedDim;
      for (int dim = 0; dim < paddedDim; dim++) {
        into[(int) at + kernels.sumAt(dim)] =
            outs.getAtIndex(ValueLayout.JAVA_FLOAT, at + dim) * scale;
      }
    }
  }
}
