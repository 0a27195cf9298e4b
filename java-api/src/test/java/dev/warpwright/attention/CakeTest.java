package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CakeTest {
  @Test
  void sharesAreInProportion() {
    assertArrayEquals(new int[] {10, 20, 70}, Cake.spread(new double[] {1, 2, 7}, 100, 1000));
    assertArrayEquals(new int[] {34, 33, 33}, Cake.spread(new double[] {1, 1, 1}, 100, 1000));
    assertArrayEquals(new int[] {33, 33, 33}, Cake.spread(new double[] {0, 0, 0}, 99, 1000));
    // Powers of small temperatures overflow: then all are alike.
    double infinite = Double.POSITIVE_INFINITY;
    assertArrayEquals(new int[] {33, 33, 33}, Cake.spread(new double[] {1, infinite, 2}, 99, 1000));
  }

  @Test
  void whatALayerCannotHoldGoesToTheOthers() {
    assertArrayEquals(new int[] {20, 40, 40}, Cake.spread(new double[] {1, 2, 7}, 100, 40));
    assertArrayEquals(new int[] {30, 30, 30}, Cake.spread(new double[] {1, 2, 7}, 100, 30));
  }

  /** Each layer that is read takes from those before, and never gives: evictions may cascade. */
  @Test
  void moreLayersOnlyTake() {
    Random random = new Random(2);
    for (int round = 0; round < 200; round++) {
      double[] preferences = random.doubles(8, 0, 3).map(Math::exp).toArray();
      int most = 20 + random.nextInt(200);
      int[] before = new int[0];
      for (int layers = 1; layers <= 8; layers++) {
        int[] now = Cake.spread(Arrays.copyOf(preferences, layers), 256, most);
        assertEquals(Math.min(256, layers * most), Arrays.stream(now).sum());
        for (int layer = 0; layer < before.length; layer++) {
          // Rounding may give one back.
          assertTrue(now[layer] <= before[layer] + 1, "layer " + layer + " of " + layers);
        }
        before = now;
      }
    }
  }

  private static RowStatistics row(float[] means, float[] variances, float[] entropies) {
    return new RowStatistics() {
      @Override
      public int length() {
        return means.length;
      }

      @Override
      public float score(int slot) {
        return means[slot];
      }

      @Override
      public float variance(int slot) {
        return variances[slot];
      }

      @Override
      public float entropy(int slot) {
        return entropies[slot];
      }
    };
  }

  /** Two layers with H = 4 and 9, V = 9 and 4, the window's own slots left out. */
  @Test
  void preferencesAreOfEntropyAndVariance() {
    RowStatistics[][] rows = {
      {row(new float[4], new float[] {4, 5, 100, 100}, new float[] {1, 3, 50, 50})},
      {row(new float[4], new float[] {1, 3, 0, 0}, new float[] {9, 0, 0, 0})}
    };
    // P = 4^½ · 9^(1/1) = 18 and 9^½ · 4 = 12, of 2 · (3 − 2) slots beside the windows.
    assertArrayEquals(new int[] {3, 3}, new Cake(3, 2, 2, 1, 200, 5).budgets(rows));
    // tau2 = ½: 2 · 81 and 3 · 16.
    assertArrayEquals(new int[] {4, 2}, new Cake(3, 2, 2, 0.5, 200, 5).budgets(rows));
  }

  @Test
  void scoresAreMeanAndVarianceSmoothed() {
    float[] scores = new float[5];
    RowStatistics row = row(new float[] {1, 2, 3, 4, 5}, new float[] {0, 0, 1, 0, 0}, new float[5]);
    new Cake(4, 2, 1, 1, 10, 3).score(row, scores);
    // 1, 2, 13 before the window of two; beyond the ends there are zeros.
    assertArrayEquals(new float[] {1, 16 / 3f, 5, 4, 5}, scores, 1e-6f);
  }
}
