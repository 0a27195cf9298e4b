package dev.warpwright.kernels.cpu.attention;

/** Finds the owner of a numbered piece of work. */
final class RowSearch {
  private RowSearch() {}

  /**
   * The last index i in {@code from..to-1} with {@code first[i] ≤ value}; {@code first} rises, not
   * always strictly.
   */
  static int last(int[] first, int from, int to, int value) {
    int low = from;
    int high = to;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (first[middle] <= value) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
