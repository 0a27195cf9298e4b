package dev.warpwright.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CoveringArrayTest {
  private static final int[] LEVELS = {5, 1, 7, 2, 3, 6, 2, 4};

  @Test
  void everyPairIsInSomeRow() {
    List<int[]> rows = CoveringArray.rows(2, LEVELS, new CaseRandom(1));
    for (int a = 0; a < LEVELS.length; a++) {
      for (int b = a + 1; b < LEVELS.length; b++) {
        assertEquals(LEVELS[a] * LEVELS[b], distinct(rows, a, b), a + " and " + b);
      }
    }
    // The largest pair needs 42 rows, all combinations 10,080.
    assertTrue(rows.size() >= 42 && rows.size() <= 84, () -> rows.size() + " rows");
  }

  @Test
  void everyTripleIsInSomeRow() {
    List<int[]> rows = CoveringArray.rows(3, LEVELS, new CaseRandom(2));
    for (int a = 0; a < LEVELS.length; a++) {
      for (int b = a + 1; b < LEVELS.length; b++) {
        for (int c = b + 1; c < LEVELS.length; c++) {
          int all = LEVELS[a] * LEVELS[b] * LEVELS[c];
          assertEquals(all, distinct(rows, a, b, c), a + ", " + b + " and " + c);
        }
      }
    }
  }

  /** Combinations of levels that some factors have in the rows. */
  private static int distinct(List<int[]> rows, int... factors) {
    Set<List<Integer>> seen = new HashSet<>();
    for (int[] row : rows) {
      for (int factor : factors) {
        assertTrue(row[factor] >= 0 && row[factor] < LEVELS[factor], () -> "level of " + factor);
      }
      seen.add(Arrays.stream(factors).mapToObj(factor -> row[factor]).toList());
    }
    return seen.size();
  }
}
