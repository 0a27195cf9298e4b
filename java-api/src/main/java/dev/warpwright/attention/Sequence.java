package dev.warpwright.attention;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * One sequence of tokens in a {@link PagedKvCache}: its pages in every layer and head. Closing it
 * frees the pages that no fork of it holds. Made by {@link PagedKvCache#newSequence}.
 */
public final class Sequence implements Resource {
  private final PagedKvCache cache;

  /** Pages of each (layer, kv head) row in slot order. */
  private final int[][] pages;

  private final int[] pageCounts;
  private final int[] lengths;
  private int position;
  private long version;

  /** How often slots of a row moved to other places. */
  private long compactions;

  /** Writes of all pages before the last step: what was written later may still be incomplete. */
  private long settled = Long.MAX_VALUE;

  private boolean closed;

  /** Whether an eviction that failed left it half merged. */
  private boolean spoiled;

  /**
   * Whether slots were filled in the order of positions, with what the model made of all before.
   */
  private boolean exact = true;

  /** Slots that the rows of each layer keep, when a policy has decided that. */
  private int @Nullable [] budgets;

  private @Nullable EvictionPolicy policy;

  Sequence(PagedKvCache cache, int rows) {
    this.cache = cache;
    this.pages = new int[rows][4];
    this.pageCounts = new int[rows];
    this.lengths = new int[rows];
  }

  /**
   * A sequence that has {@code tokens} tokens in each of its rows; their pages are counted already.
   */
  Sequence(PagedKvCache cache, int tokens, int[][] tables) {
    this(cache, tables.length);
    for (int row = 0; row < tables.length; row++) {
      compact(row, tokens, tables[row]);
    }
    position = tokens;
  }

  /** A copy that shares all pages; they are not counted here. */
  Sequence(Sequence origin) {
    this(origin, origin.cache, origin.pages);
    System.arraycopy(origin.pageCounts, 0, pageCounts, 0, pageCounts.length);
  }

  /** The same tokens in other pages, maybe of another cache; they are counted already. */
  Sequence(Sequence origin, PagedKvCache cache, int[][] tables) {
    this.cache = cache;
    pages = Arrays.stream(tables).map(int[]::clone).toArray(int[][]::new);
    pageCounts = Arrays.stream(tables).mapToInt(table -> table.length).toArray();
    lengths = origin.lengths.clone();
    position = origin.position;
    budgets = origin.budgets;
    policy = origin.policy;
    exact = origin.exact;
    settled = cache == origin.cache ? origin.settled : Long.MAX_VALUE;
  }

  /** The cache that the sequence is in. */
  public PagedKvCache cache() {
    return cache;
  }

  /** Tokens that the sequence has seen: the logical position of the next one. */
  public int position() {
    return position;
  }

  /** Filled slots of one layer and kv head. */
  public int length(int layer, int kvHead) {
    return lengths[cache.row(layer, kvHead)];
  }

  /** Whether the sequence may still be used. */
  public boolean isOpen() {
    return !closed && !spoiled;
  }

  /** Refuses a sequence that may not be used any more. */
  void requireUsable(String argument) {
    if (closed) {
      throw new IllegalStateException(argument + " is closed");
    }
    if (spoiled) {
      throw new IllegalStateException(
          argument + " was left half merged by an eviction that failed: close it");
    }
  }

  /** From now on the sequence can be closed, and nothing else. */
  void spoil() {
    spoiled = true;
  }

  /**
   * Another sequence of the same tokens. Both share their pages until one of them writes to one, by
   * a step or an eviction, and gets a copy of it; what one does never shows in the other. The
   * caller closes it.
   */
  public Sequence fork() {
    return cache.fork(this);
  }

  int length(int row) {
    return lengths[row];
  }

  int rows() {
    return lengths.length;
  }

  int page(int row, int index) {
    return pages[row][index];
  }

  int pageCount(int row) {
    return pageCounts[row];
  }

  /** Pages of all rows, one row after the other. */
  int[] allPages() {
    return IntStream.range(0, pages.length)
        .flatMap(row -> Arrays.stream(pages[row], 0, pageCounts[row]))
        .toArray();
  }

  /** Leading full pages of a row that both sequences have. */
  int commonPages(Sequence other, int row) {
    int full = Math.min(lengths[row], other.lengths[row]) / cache.spec().pageSize();
    int mismatch = Arrays.mismatch(pages[row], 0, full, other.pages[row], 0, full);
    return mismatch < 0 ? full : mismatch;
  }

  /** An order in which sequences that begin with the same pages of the first row are neighbours. */
  static int comparePages(Sequence a, Sequence b) {
    return Arrays.compare(a.pages[0], 0, a.pageCounts[0], b.pages[0], 0, b.pageCounts[0]);
  }

  /** Whether the keys and values of a page may still be on their way. */
  boolean isHot(int page, HeadPages all) {
    return all.stamp(page) > settled;
  }

  /**
   * Whether slots were filled in the order of positions, with what the model made of all before.
   */
  boolean isExact() {
    return exact;
  }

  /** Tokens came from elsewhere: those of the next positions. */
  void continuedWith(int tokens) {
    position += tokens;
    exact = false;
  }

  /** The next token's position is another than the number of tokens, or it was already passed. */
  void continuesAt(int next) {
    position = next;
    exact = false;
  }

  /** Changes with every step and eviction. */
  long version() {
    return version;
  }

  /** Changes when slots move to other places. */
  long compactions() {
    return compactions;
  }

  /** Adds the row to tables. */
  void addTo(PageTables tables, int row) {
    addTo(tables, row, 0);
  }

  /** Adds what lies behind the first {@code without} pages of the row to tables. */
  void addTo(PageTables tables, int row, int without) {
    int slots = without * cache.spec().pageSize();
    tables.row(lengths[row] - slots, pages[row], without, pageCounts[row] - without);
  }

  /** Adds the pages {@code from..to − 1} of the row, all full, to tables. */
  void addFullTo(PageTables tables, int row, int from, int to) {
    tables.row((to - from) * cache.spec().pageSize(), pages[row], from, to - from);
  }

  /** Pages that {@code tokens} more tokens need in all rows. */
  long missingPages(int tokens, int pageSize) {
    long missing = 0;
    for (int row = 0; row < lengths.length; row++) {
      missing += missingPages(row, tokens, pageSize);
    }
    return missing;
  }

  private int missingPages(int row, int tokens, int pageSize) {
    long needed = ((long) lengths[row] + tokens + pageSize - 1) / pageSize;
    return (int) Math.max(0, needed - pageCounts[row]);
  }

  /** Makes room for {@code tokens} more tokens in all rows; there are enough free pages. */
  void grow(int tokens, int pageSize, HeadPages free) {
    if (tokens > 0) {
      settled = free.writes();
    }
    for (int row = 0; row < lengths.length; row++) {
      int missing = missingPages(row, tokens, pageSize);
      if (pageCounts[row] + missing > pages[row].length) {
        pages[row] =
            Arrays.copyOf(pages[row], Math.max(pageCounts[row] + missing, 2 * pages[row].length));
      }
      for (int i = 0; i < missing; i++) {
        pages[row][pageCounts[row]++] = free.take();
      }
      for (int i = lengths[row] / pageSize; tokens > 0 && i < pageCounts[row]; i++) {
        free.wrote(pages[row][i]);
      }
      lengths[row] += tokens;
    }
    position += tokens;
    version++;
  }

  /** The page at an index is another from now on. */
  void replacePage(int row, int index, int page) {
    pages[row][index] = page;
  }

  /** The row has other pages and fewer slots from now on. */
  void compact(int row, int length, int[] newPages) {
    lengths[row] = length;
    pages[row] = newPages.length == 0 ? new int[4] : newPages;
    pageCounts[row] = newPages.length;
    compactions++;
    version++;
  }

  /**
   * The budgets that {@code by} gave to the layers before, or null if it has not yet.
   *
   * @param by a policy
   */
  int @Nullable [] budgets(EvictionPolicy by) {
    return by.equals(policy) ? budgets : null;
  }

  /** Remembers budgets. */
  void budgets(EvictionPolicy by, int[] ofLayers) {
    policy = by;
    budgets = ofLayers;
  }

  /** Gives all pages back that no other sequence holds; idempotent. */
  @Override
  public void close() {
    cache.close(this);
  }

  /** Gives all pages back, once. */
  void release(HeadPages free) {
    if (closed) {
      return;
    }
    closed = true;
    for (int row = 0; row < pages.length; row++) {
      for (int i = 0; i < pageCounts[row]; i++) {
        free.give(pages[row][i]);
      }
      pageCounts[row] = 0;
      lengths[row] = 0;
    }
  }
}
