package dev.warpwright.attention;

import dev.warpwright.kernels.Resource;
import java.util.Arrays;

/**
 * One sequence of tokens in a {@link PagedKvCache}: its pages in every layer and head. Closing it
 * frees the pages. Made by {@link PagedKvCache#newSequence}.
 */
public final class Sequence implements Resource {
  private final PagedKvCache cache;

  /** Pages of each (layer, kv head) row in slot order. */
  private final int[][] pages;

  private final int[] pageCounts;
  private final int[] lengths;
  private int position;
  private boolean closed;

  Sequence(PagedKvCache cache, int rows) {
    this.cache = cache;
    this.pages = new int[rows][4];
    this.pageCounts = new int[rows];
    this.lengths = new int[rows];
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
    return !closed;
  }

  int length(int row) {
    return lengths[row];
  }

  int[] pages(int row) {
    return pages[row];
  }

  int pageCount(int row) {
    return pageCounts[row];
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
  void grow(int tokens, int pageSize, FreePages free) {
    for (int row = 0; row < lengths.length; row++) {
      int missing = missingPages(row, tokens, pageSize);
      if (pageCounts[row] + missing > pages[row].length) {
        pages[row] =
            Arrays.copyOf(pages[row], Math.max(pageCounts[row] + missing, 2 * pages[row].length));
      }
      for (int i = 0; i < missing; i++) {
        pages[row][pageCounts[row]++] = free.take();
      }
      lengths[row] += tokens;
    }
    position += tokens;
  }

  /** Frees all pages; idempotent. */
  @Override
  public void close() {
    cache.close(this);
  }

  /** Gives all pages back, once. */
  void release(FreePages free) {
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
