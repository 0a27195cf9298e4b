package dev.warpwright.attention;

/**
 * The free pages of a pool, as a stack: what was freed last is used first, while it is still in a
 * cache.
 */
final class FreePages {
  private final int[] pages;
  private int count;

  FreePages(int total) {
    pages = new int[total];
    count = total;
    for (int i = 0; i < total; i++) {
      pages[i] = total - 1 - i;
    }
  }

  int count() {
    return count;
  }

  int take() {
    return pages[--count];
  }

  void give(int page) {
    pages[count++] = page;
  }
}
