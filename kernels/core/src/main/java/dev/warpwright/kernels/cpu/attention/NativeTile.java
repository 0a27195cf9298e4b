package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.NativeLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One thread's scratch memory for attention in C: what {@link AttentionTile} does, for the query
 * heads of one token and the slots of one split. Which of the two does it depends on the plan's
 * options and the row's pages only.
 */
final class NativeTile {
  /** Most slots of a call, {@code WW_SPLIT}. */
  private static final int SPLIT = 1024;

  /** Slots behind them whose pages are named too, {@code WW_SPLIT_AHEAD}. */
  private static final int AHEAD = 128;

  private static final int COLUMNS = LogitTile.COLUMNS;

  private final KvPoolVector pool;
  private final Masking masking;
  private final boolean f16;
  private final int columns;
  private final float[] query;
  private final int[] table = new int[(SPLIT + AHEAD) / Lanes.BLOCK + 1];
  private final MemorySegment tableSegment = MemorySegment.ofArray(table);
  private final MemorySegment queries;
  private final MemorySegment outs;
  private final MemorySegment states;
  private int position;

  /** Scratch memory for {@code columns} query heads. */
  NativeTile(KvPoolVector pool, Masking masking, int columns) {
    this.pool = pool;
    this.masking = masking;
    this.columns = columns;
    f16 = pool.spec().dtype() == DType.F16;
    query = new float[pool.spec().headDim()];
    int padded = LogitTile.padded(columns);
    queries = NativeLibrary.allocate((long) padded * query.length * Float.BYTES);
    outs = NativeLibrary.allocate((long) padded * pool.layout().paddedDim() * Float.BYTES);
    states = NativeLibrary.allocate(2L * padded * Float.BYTES);
  }

  /** Whether C kernels offer what {@code spec} asks for. */
  static boolean isFor(HostDevice device, KvPoolVector pool, PagedDecodeSpec spec) {
    DType dtype = pool.spec().dtype();
    return device.nativeKernels()
        && (dtype == DType.F32 || dtype == DType.F16)
        && pool.layout().blocked()
        && spec.scores() == ScoreReduction.NONE
        && spec.masking().softCap() == 0
        && !spec.masking().alibi()
        && !spec.masking().slotBias();
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return queries.byteSize()
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
      float scale) {
    Rows.copy(q, from, query);
    rotation.rotate(token, query);
    position = ofPosition;
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
   * @return false if C kernels do not take the row's pages; then nothing is done
   */
  boolean attend(PageTables batch, int row, int from, int to) {
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
        pool,
        f16,
        tableSegment,
        from % pageSize,
        to - from,
        end - to,
        columns,
        queries,
        masking.window() < 0 ? Integer.MIN_VALUE : (long) position - masking.window(),
        masking.causal() ? position : Integer.MAX_VALUE - 1,
        outs,
        states);
    return true;
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
