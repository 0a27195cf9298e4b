package dev.warpwright.attention;

/**
 * Which pages of a pool are free, and how many rows hold each other one. Free pages are a stack:
 * what was freed last is used first, while it is still in a cache.
 */
final class HeadPages {
  private final int[] free;
  private final int[] holders;
  private int count;

  HeadPages(int total) {
    free = new int[total];
    holders = new int[total];
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
    return page;
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
