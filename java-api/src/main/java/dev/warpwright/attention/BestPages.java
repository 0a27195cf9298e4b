package dev.warpwright.attention;

import dev.warpwright.kernels.attention.PageTables;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Chooses the pages with the highest scores. */
final class BestPages {
  private BestPages() {}

  /**
   * Numbers of the chosen pages of a row, rising; the last page is always among them.
   *
   * @param scores of the pages of all rows of a layer
   * @param first the first row whose scores count, and {@code last} the last one: of several the
   *     highest, for rows of as many pages
   * @param most how many are chosen at most
   */
  static int[] of(PageTables tables, float[] scores, int row, int first, int last, int most) {
    int count = tables.usedPageCount(row);
    float[] best = new float[count];
    for (int page = 0; page < count; page++) {
      best[page] = scores[tables.usedPageStart(row) + page];
      for (int other = first; other <= last; other++) {
        if (tables.usedPageCount(other) == count) {
          best[page] = Math.max(best[page], scores[tables.usedPageStart(other) + page]);
        }
      }
    }
    if (count == 0) {
      return new int[0];
    }
    // Sorting is stable: of equals the lower number comes first. NaN is the best of all, for what
    // is no number must show.
    IntStream others =
        IntStream.range(0, count - 1)
            .boxed()
            .sorted(Comparator.<Integer>comparingDouble(page -> best[page]).reversed())
            .limit(most - 1)
            .mapToInt(page -> page);
    return IntStream.concat(others, IntStream.of(count - 1)).sorted().toArray();
  }
}
