package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.sparse.Activations;

/**
 * Rows of x as 8-bit codes, made ready for words of four nibbles {@code w = Σ_j n_j 16^j}. Because
 * {@code n_j = (w >>> 4j) − 16 (w >>> 4(j+1))},
 *
 * <pre>Σ_j (n_j − 8) c_j = Σ_j (w >>> 4j) (c_j − 16 c_{j−1}) − 8 Σ_j c_j</pre>
 *
 * which needs no mask. In 16-bit lanes this is the sum modulo 2^16, and so exact for up to {@link
 * #RUN} columns, whose sum is 8 · 127 · 32 at most. What multiplies a word stands in both halves of
 * an int, which is cheaper to bring into all lanes than a short.
 */
final class I8Rows {
  /** Columns that are summed in 16 bits; fewer where a group has fewer. */
  static final int RUN = 32;

  /** Columns of a run. */
  final int run;

  /** Runs of a group. */
  final int split;

  /** Groups of a row. */
  final int groups;

  /** {@code c_j − 16 c_{j−1}}, whole groups of a row. */
  final int[] factors;

  /** {@code −8 Σ c} of each run. */
  final int[] starts;

  /** d of each group. */
  final float[] scales;

  I8Rows(int rows, int inputs, int group) {
    run = Math.min(group, RUN);
    split = group / run;
    groups = (inputs + group - 1) / group;
    factors = new int[rows * groups * group];
    starts = new int[factors.length / run];
    scales = new float[rows * groups];
  }

  static long bytes(int rows, int inputs, int group) {
    long groups = (long) rows * ((inputs + group - 1) / group);
    return groups * (group + group / Math.min(group, RUN) + 1L) * Integer.BYTES;
  }

  /**
   * Rounds a row as {@link Activations#I8} says.
   *
   * @param x elements, zeros behind the last column up to whole groups
   * @param from the first one
   */
  void load(int row, float[] x, int from) {
    int group = run * split;
    int at = row * groups * group;
    for (int g = row * groups; g < (row + 1) * groups; g++) {
      float most = 0;
      for (int u = 0; u < group; u++) {
        most = Math.max(most, Math.abs(x[from + u]));
      }
      float scale = most / 127;
      scales[g] = scale;
      for (int part = 0; part < split; part++) {
        starts[at / run] = pair(-8 * loadRun(x, from, scale, at));
        at += run;
        from += run;
      }
    }
  }

  /** Returns the sum of the codes. */
  private int loadRun(float[] x, int from, float scale, int into) {
    int sum = 0;
    int before = 0;
    for (int u = 0; u < run; u++) {
      int code = scale == 0 ? 0 : Math.clamp((int) Math.rint(x[from + u] / scale), -127, 127);
      factors[into + u] = pair(u % W4Matrix.WORD == 0 ? code : code - 16 * before);
      before = code;
      sum += code;
    }
    return sum;
  }

  private static int pair(int value) {
    return (value << 16) | (value & 0xFFFF);
  }
}
