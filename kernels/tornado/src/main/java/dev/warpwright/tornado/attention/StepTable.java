package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.tornado.BySize;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The numbers that kernels over a layer of a batch need, in one array:
 *
 * <ul>
 *   <li>{@link #HEADER} numbers of the step, by the names below;
 *   <li>two a query token: its request's first row, and its position;
 *   <li>{@link #ROW} a row: its length, its first page, its first place in per-slot tensors, its
 *       request's first query token, and the number of these;
 *   <li>all pages.
 * </ul>
 */
final class StepTable {
  static final int QUERY_HEADS = 0;
  static final int GROUP = 1;
  static final int HEAD_DIM = 2;
  static final int PAGE_SIZE = 3;

  /** How far behind the query a key must be more than. */
  static final int BEHIND_MORE = 4;

  /** How far behind the query a key must be less than. */
  static final int BEHIND_LESS = 5;

  static final int PAIRS = 6;

  /** Whether pairs are neighbours. */
  static final int INTERLEAVED = 7;

  static final int ROWS_AT = 8;
  static final int PAGES_AT = 9;

  /** Logits that are kept of each head of each token; 0 for none. */
  static final int STRIDE = 10;

  static final int ROWS = 11;

  /** Whether there are {@link SlotNumbers}. */
  static final int NUMBERED = 12;

  /** Numbers before those of the tokens. */
  static final int HEADER = 13;

  /** Numbers of a row. */
  static final int ROW = 5;

  private static final int LEAST = 4096;

  private int[] numbers = new int[LEAST];
  private int count;

  /** Query tokens of a batch when at most the last {@code window} of each request count. */
  static int tokens(PageTables batch, int window) {
    int tokens = 0;
    for (int request = 0; request < batch.requests(); request++) {
      tokens += Math.min(window, batch.newTokens(request));
    }
    return tokens;
  }

  /** Room for the numbers: the same for most batches, so that sequences may grow. */
  int capacity() {
    return Math.max(LEAST, BySize.capacity(count, Integer.MAX_VALUE));
  }

  /** Copies the numbers to the beginning of an array. */
  void copyTo(IntArray array) {
    MemorySegment.copy(numbers, 0, array.getSegment(), ValueLayout.JAVA_INT_UNALIGNED, 0, count);
  }

  /**
   * Takes the numbers of a layer.
   *
   * @param window most query tokens of a request: the last ones
   * @param stride logits that are kept of each head of each token
   * @param numbered whether there are {@link SlotNumbers}
   */
  void fill(
      PageTables batch,
      int layer,
      Heads heads,
      Masking masking,
      RotationTornado rotation,
      int window,
      int stride,
      boolean numbered) {
    count = 0;
    int rows = batch.requests() * heads.kvHeads();
    int rowsAt = HEADER + 2 * tokens(batch, window);
    add(heads.queryHeads());
    add(heads.group());
    add(heads.headDim());
    add(batch.pageSize());
    add(masking.causal() ? -1 : Integer.MIN_VALUE);
    add(
        masking.window() < 0
            ? Integer.MAX_VALUE
            : Math.min(masking.window(), Integer.MAX_VALUE - 1) + 1);
    add(rotation.pairs());
    add(rotation.interleaved());
    add(rowsAt);
    add(rowsAt + ROW * rows);
    add(stride);
    add(rows);
    add(numbered ? 1 : 0);
    for (int request = 0; request < batch.requests(); request++) {
      int end = batch.newTokens(request);
      for (int i = end - Math.min(window, end); i < end; i++) {
        add(request * heads.kvHeads());
        add(batch.position(request, i));
      }
    }
    addRows(batch, batch.rowOf(layer, 0, 0), rows, window);
  }

  private void addRows(PageTables batch, int first, int rows, int window) {
    int page = 0;
    int token = 0;
    for (int row = first; row < first + rows; row++) {
      int request = (row - first) / batch.kvHeads();
      int tokens = Math.min(window, batch.newTokens(request));
      add(batch.length(row));
      add(page);
      add(Math.toIntExact(batch.slotStart(row)));
      add(token);
      add(tokens);
      page += batch.pageCount(row);
      if ((row - first) % batch.kvHeads() == batch.kvHeads() - 1) {
        token += tokens;
      }
    }
    for (int row = first; row < first + rows; row++) {
      for (int index = 0; index < batch.pageCount(row); index++) {
        add(batch.page(row, index));
      }
    }
  }

  private void add(int number) {
    if (count == numbers.length) {
      numbers = Arrays.copyOf(numbers, Math.addExact(count, count));
    }
    numbers[count++] = number;
  }
}
