package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import java.util.Arrays;

/**
 * Chooses groups and rounds weights by what they do to the outputs: the error of a row w that
 * becomes q is E(q) = (w − q)ᵀ H (w − q), with H the moments of the inputs.
 *
 * <p>Leaving out group g and adapting all other weights costs at least s_g = w_gᵀ ([H⁻¹]_gg)⁻¹ w_g
 * (optimal brain surgeon, for groups). The kept weights become the minimum of E among rows with
 * that support, t. They are rounded from the last to the first; with H = RᵀR on the support, each
 * one takes up the errors of those behind it: x_i = t_i + Σ_{j>i} R_ij (t_j − q_j) / R_ii.
 */
final class SecondOrderRounding implements Pruning.Method {
  private final Grouping grouping;
  private final int columns;
  private final double[] moments;

  /** R of [H⁻¹]_gg for each group. */
  private final double[][] groupFactors;

  SecondOrderRounding(Grouping grouping, double[] moments, int columns) {
    this.grouping = grouping;
    this.columns = columns;
    this.moments = moments;
    this.groupFactors = new double[grouping.groups(columns)][];
    double[] factor = moments.clone();
    Cholesky.factor(factor, columns);
    for (int g = 0; g < groupFactors.length; g++) {
      groupFactors[g] = inverseBlock(factor, g);
      Cholesky.factor(groupFactors[g], width(g));
    }
  }

  private int width(int group) {
    return Math.min(grouping.size(), columns - group * grouping.size());
  }

  private double[] inverseBlock(double[] factor, int group) {
    int width = width(group);
    double[][] half = new double[width][columns];
    for (int i = 0; i < width; i++) {
      half[i][group * grouping.size() + i] = 1;
      Cholesky.solveTransposed(factor, columns, half[i]);
    }
    double[] block = new double[width * width];
    for (int i = 0; i < width; i++) {
      for (int j = 0; j < width; j++) {
        block[i * width + j] = Cholesky.dot(half[i], 0, half[j], 0, columns);
      }
    }
    return block;
  }

  @Override
  public void score(float[] row, double[] scores, int at) {
    for (int g = 0; g < groupFactors.length; g++) {
      double[] y = new double[width(g)];
      for (int u = 0; u < y.length; u++) {
        y[u] = Checks.finite("weight", row[g * grouping.size() + u]);
      }
      Cholesky.solveTransposed(groupFactors[g], y.length, y);
      scores[at + g] = Cholesky.dot(y, 0, y, 0, y.length);
    }
  }

  @Override
  public void encode(float[] row, int[] kept, Tensor codes, Tensor scales, long at) {
    int[] support = support(kept);
    int n = support.length;
    double[] factor = new double[n * n];
    double[] target = new double[n];
    for (int i = 0; i < n; i++) {
      int from = support[i] * columns;
      for (int j = i; j < n; j++) {
        factor[i * n + j] = moments[from + support[j]];
      }
      for (int k = 0; k < columns; k++) {
        target[i] += moments[from + k] * row[k];
      }
    }
    Cholesky.factor(factor, n);
    Cholesky.solveTransposed(factor, n, target);
    Cholesky.solve(factor, n, target);
    double[] errors = new double[n];
    int end = n;
    for (int i = kept.length - 1; i >= 0; i--) {
      int start = end - width(kept[i]);
      roundGroup(factor, n, target, errors, start, end, codes, scales, at + i);
      end = start;
    }
  }

  private int[] support(int[] kept) {
    int n = 0;
    for (int group : kept) {
      n += width(group);
    }
    int[] support = new int[n];
    int i = 0;
    for (int group : kept) {
      for (int u = 0; u < width(group); u++) {
        support[i++] = group * grouping.size() + u;
      }
    }
    return support;
  }

  private void roundGroup(
      double[] factor,
      int n,
      double[] target,
      double[] errors,
      int start,
      int end,
      Tensor codes,
      Tensor scales,
      long group) {
    // Unrounded, the group would take up the errors behind it like this: that sets its scale.
    float most = 0;
    double[] moved = errors.clone();
    for (int i = end - 1; i >= start; i--) {
      double shift = Cholesky.dot(factor, i * n, moved, i + 1, n) / factor[i * n + i];
      moved[i] = -shift;
      most = Math.max(most, (float) Math.abs(target[i] + shift));
    }
    float scale = GroupCodes.storeScale(grouping, most, scales, group);
    int[] units = new int[grouping.size()];
    Arrays.fill(units, grouping.zero());
    for (int i = end - 1; i >= start; i--) {
      double x = target[i] + Cholesky.dot(factor, i * n, errors, i + 1, n) / factor[i * n + i];
      int code = GroupCodes.code(grouping, scale, (float) x);
      units[i - start] = code;
      errors[i] = target[i] - (double) scale * (code - grouping.zero());
    }
    GroupCodes.store(grouping, units, codes, group);
  }
}
