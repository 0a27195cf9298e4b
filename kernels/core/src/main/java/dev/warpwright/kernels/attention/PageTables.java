package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.InvalidArgumentException;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The page tables of one batch: for each (layer, request, kv head) the head pages of its slots, in
 * slot order, and the number of filled slots; for each request how many new tokens it brings and
 * their logical positions: one after the other, or any.
 *
 * <p>A table that was appended to already counts the new tokens: in row r, new token i of n lies in
 * slot {@code length(r) − n + i}. Rows are numbered {@code (layer · requests + request) · kvHeads +
 * head}. Contents are made anew each step with {@link #begin}, {@link #request} and {@link #row};
 * plans read them at {@code update}.
 *
 * <p>Rows need not hold all keys of their request. Attention over disjoint parts of the keys, each
 * in tables of its own, is joined by {@link MergeStates}; a prefix that many requests share is then
 * the rows of one request that brings the tokens of all, each at its own position.
 */
public final class PageTables {
  private final int layers;
  private final int kvHeads;
  private final int pageSize;

  private final QueryTokens queries = new QueryTokens();
  private int requests;
  private int rowsSet;
  private int[] lengths = new int[1];
  private int[] pageStart = new int[2];

  /** Slots of all rows before a row. */
  private long[] slotsBefore = new long[2];

  /** Pages with filled slots of all rows before a row. */
  private int[] usedBefore = new int[2];

  private int[] pages = new int[16];

  /**
   * Empty tables.
   *
   * @param layers number of layers; attention plans take the layer as an argument of {@code run}
   * @param kvHeads key/value heads a layer
   * @param pageSize slots a page
   */
  public PageTables(int layers, int kvHeads, int pageSize) {
    this.layers = Checks.between("layers", layers, 1, 1 << 20);
    this.kvHeads = Checks.between("kvHeads", kvHeads, 1, 1 << 20);
    this.pageSize = Checks.between("pageSize", pageSize, 1, KvPoolSpec.MAX_PAGE_SIZE);
  }

  /** Starts a new batch of {@code count} requests; everything from before is forgotten. */
  public PageTables begin(int count) {
    Checks.between("requests", count, 0, 1 << 24);
    long rows = (long) layers * count * kvHeads;
    Checks.that(
        rows < Integer.MAX_VALUE - 8,
        "requests",
        count,
        "at most 2^31 (layer, request, head) rows");
    requests = count;
    queries.begin(count);
    rowsSet = 0;
    if (lengths.length < rows) {
      lengths = new int[(int) rows];
      pageStart = new int[(int) rows + 1];
      slotsBefore = new long[(int) rows + 1];
      usedBefore = new int[(int) rows + 1];
    }
    pageStart[0] = 0;
    return this;
  }

  /**
   * Adds the next request.
   *
   * @param newTokens query tokens that the request brings: 1 in a decode step, any number in a
   *     prefill, 0 for none
   * @param position logical position of the first of them
   */
  public PageTables request(int newTokens, int position) {
    queries.add(newTokens, position);
    return this;
  }

  /**
   * Adds the next request, whose query tokens are not consecutive: those of several sequences over
   * what they share, or branches of a tree.
   *
   * @param positions logical position of each query token
   */
  public PageTables request(int[] positions) {
    queries.add(positions);
    return this;
  }

  /**
   * Adds the next row, in the order of row numbers.
   *
   * @param length number of filled slots, new tokens included
   * @param rowPages head pages of the row in slot order
   * @param from first used entry of {@code rowPages}
   * @param count number of used entries; must hold {@code length} slots
   */
  public PageTables row(int length, int[] rowPages, int from, int count) {
    int rows = layers * requests * kvHeads;
    if (rowsSet == rows) {
      throw new IllegalStateException("all " + rows + " rows of the batch are there already");
    }
    Checks.notNull("pages", rowPages);
    Checks.between("from", from, 0, rowPages.length);
    Checks.between("count", count, 0, rowPages.length - from);
    Checks.between("length", length, 0, (long) count * pageSize);
    int start = pageStart[rowsSet];
    Checks.that(
        count <= Integer.MAX_VALUE - 8 - start, "count", count, "at most 2^31 pages in all rows");
    if (pages.length < start + count) {
      pages =
          Arrays.copyOf(
              pages,
              Math.max(start + count, (int) Math.min(Integer.MAX_VALUE - 8, 2L * pages.length)));
    }
    System.arraycopy(rowPages, from, pages, start, count);
    lengths[rowsSet] = length;
    slotsBefore[rowsSet + 1] = slotsBefore[rowsSet] + length;
    usedBefore[rowsSet + 1] = usedBefore[rowsSet] + (length + pageSize - 1) / pageSize;
    pageStart[rowsSet + 1] = start + count;
    rowsSet++;
    return this;
  }

  /** Number of layers. */
  public int layers() {
    return layers;
  }

  /** Key/value heads a layer. */
  public int kvHeads() {
    return kvHeads;
  }

  /** Slots a page. */
  public int pageSize() {
    return pageSize;
  }

  /** Requests in the batch. */
  public int requests() {
    return requests;
  }

  /** Query tokens of the whole batch. */
  public int tokens() {
    return queries.start(requests);
  }

  /** First query token of {@code request} among those of the batch. */
  public int tokenStart(int request) {
    return queries.start(request);
  }

  /** Query tokens of {@code request}. */
  public int newTokens(int request) {
    return queries.count(request);
  }

  /** Logical position of the first query token of {@code request}. */
  public int firstPosition(int request) {
    return queries.firstPosition(request);
  }

  /** Logical position of query token {@code index} of {@code request}. */
  public int position(int request, int index) {
    return queries.position(request, index);
  }

  /** The position behind the last of a request's query tokens. */
  public int nextPosition(int request) {
    return queries.nextPosition(request);
  }

  /** Whether the query tokens of some request have positions of their own. */
  public boolean hasTokenPositions() {
    return queries.hasOwnPositions();
  }

  /** Number of the row of (layer, request, head). */
  public int rowOf(int layer, int request, int head) {
    return (layer * requests + request) * kvHeads + head;
  }

  /** Filled slots of a row. */
  public int length(int row) {
    return lengths[row];
  }

  /** Filled slots of all rows of a layer: elements of a per-slot tensor. */
  public long slots(int layer) {
    return slotsBefore[rowOf(layer + 1, 0, 0)] - slotsBefore[rowOf(layer, 0, 0)];
  }

  /**
   * Where the slots of a row begin in a per-slot tensor of its layer, {@code [request, kvHead,
   * slot]} with rows one after the other.
   */
  public long slotStart(int row) {
    int layerRows = requests * kvHeads;
    return slotsBefore[row] - slotsBefore[row / layerRows * layerRows];
  }

  /** The head page that holds slots {@code index · pageSize} and up of a row. */
  public int page(int row, int index) {
    return pages[pageStart[row] + index];
  }

  /** Pages of a row. */
  public int pageCount(int row) {
    return pageStart[row + 1] - pageStart[row];
  }

  /** Pages of a row that hold filled slots. */
  public int usedPageCount(int row) {
    return usedBefore[row + 1] - usedBefore[row];
  }

  /** Pages with filled slots of all rows of a layer: elements of a per-page tensor. */
  public int usedPages(int layer) {
    return usedBefore[rowOf(layer + 1, 0, 0)] - usedBefore[rowOf(layer, 0, 0)];
  }

  /**
   * Where the pages of a row begin in a per-page tensor of its layer, {@code [request, kvHead,
   * page]} with rows one after the other.
   */
  public int usedPageStart(int row) {
    int layerRows = requests * kvHeads;
    return usedBefore[row] - usedBefore[row / layerRows * layerRows];
  }

  /** The longest row. */
  public int maxLength() {
    int most = 0;
    for (int row = 0; row < rowsSet; row++) {
      most = Math.max(most, lengths[row]);
    }
    return most;
  }

  /**
   * Refuses tables that are incomplete, name pages outside the pool, or (for an append) write one
   * page from two rows.
   *
   * @param pool the pool that the pages are of
   * @param written whether the slots of the new tokens will be written
   * @throws InvalidArgumentException naming the row and page
   */
  public void require(KvPoolSpec pool, boolean written) {
    if (queries.requestsSet() != requests || rowsSet != layers * requests * kvHeads) {
      throw new InvalidArgumentException(
          "tables",
          queries.requestsSet() + " requests and " + rowsSet + " rows",
          requests + " requests and " + layers * requests * kvHeads + " rows, as begun");
    }
    Checks.that(
        pageSize == pool.pageSize(), "tables.pageSize", pageSize, "the pool's " + pool.pageSize());
    BitSet seen = written ? new BitSet(pool.headPages()) : new BitSet(0);
    for (int row = 0; row < rowsSet; row++) {
      int added = newTokens(row / kvHeads % Math.max(requests, 1));
      for (int index = 0; index < pageCount(row); index++) {
        int page = page(row, index);
        if (page < 0 || page >= pool.headPages()) {
          throw new InvalidArgumentException(
              "tables.page[row " + row + "][" + index + "]", page, "0.." + (pool.headPages() - 1));
        }
        boolean target =
            written
                && (long) (index + 1) * pageSize > lengths[row] - added
                && (long) index * pageSize < lengths[row];
        if (target && seen.get(page)) {
          throw new InvalidArgumentException(
              "tables.page[row " + row + "][" + index + "]",
              page,
              "a page that no other row of the batch writes");
        }
        if (target) {
          seen.set(page);
        }
      }
      if (written && added > lengths[row]) {
        throw new InvalidArgumentException(
            "tables.length[row " + row + "]",
            lengths[row],
            "at least the request's " + added + " new tokens");
      }
    }
  }

  /** Refuses requests that do not bring one token each. */
  void requireDecode() {
    for (int request = 0; request < requests; request++) {
      Checks.that(
          newTokens(request) == 1,
          "batch.newTokens[" + request + "]",
          newTokens(request),
          "1 in a decode step");
    }
  }

  /** Refuses tables in which a page that holds slots stands twice. */
  void requireOwnPages() {
    BitSet seen = new BitSet();
    for (int row = 0; row < rowsSet; row++) {
      for (int index = 0; (long) index * pageSize < lengths[row]; index++) {
        int page = page(row, index);
        if (seen.get(page)) {
          throw new InvalidArgumentException(
              "tables.page[row " + row + "][" + index + "]",
              page,
              "a page that is in no other place of the tables");
        }
        seen.set(page);
      }
    }
  }

  /**
   * Index of the first entry that occurred before among the first {@code count}, or −1; entries are
   * below {@code limit}.
   */
  static long firstDuplicate(int[] values, int count, int limit) {
    BitSet seen = new BitSet(limit);
    for (int i = 0; i < count; i++) {
      if (seen.get(values[i])) {
        return i;
      }
      seen.set(values[i]);
    }
    return -1;
  }
}
