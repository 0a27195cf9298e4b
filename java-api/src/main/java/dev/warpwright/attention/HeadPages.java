package dev.warpwright.attention;

/**
 * Which pages of a pool are free, how many rows hold each other one, and when it was written last.
 * Free pages are a stack: what was freed last is used first, while it is still in a cache.
 */
final class HeadPages {
  private final int[] free;
  private final int[] holders;

  /** Of each page the number of its last write; page and number together name what it holds. */
  private final long[] stamps;

  private long writes;
  private int count;

  HeadPages(int total) {
    free = new int[total];
    holders = new int[total];
    stamps = new long[total];
    count = total;
    for (int i = 0; i < total; i++) {
      free[i] = total - 1 - i;
    }
  }

  /** Number of free pages. */
  int count() {
    return count;
  }

  /** Takes a free page, for one row. */
  int take() {
    int page = free[--count];
    holders[page] = 1;
    wrote(page);
    return page;
  }

  /** The page's keys and values are, or will be in the step that begins, others than before. */
  void wrote(int page) {
    stamps[page] = ++writes;
  }

  /** Number of the page's last write. */
  long stamp(int page) {
    return stamps[page];
  }

  /** Writes of all pages so far. */
  long writes() {
    return writes;
  }

  /** One more row holds the page. */
  void share(int page) {
    holders[page]++;
  }

  /** Rows that hold the page. */
  int holders(int page) {
    return holders[page];
  }

  /** One row less holds the page; the last one frees it. */
  void give(int page) {
    if (--holders[page] == 0) {
      free[count++] = page;
    }
  }
}
