package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;

/** Makes group-sparse matrices: leaves groups out and rounds the others to integer codes. */
public final class Pruning {
  /** Among which groups the best are kept. */
  public enum Scope {
    /** Each row keeps equally many groups. */
    PER_ROW,
    /** The matrix keeps its best groups, wherever they are; rows may lose all of theirs. */
    PER_MATRIX
  }

  private Pruning() {}

  /**
   * Keeps the groups with the largest Σ|w|, summed in double in the order of columns; of equal
   * groups those of the lower row and, in a row, of the lower index. Kept groups are rounded as by
   * {@link QuantMatrix#quantise}.
   *
   * @param matrix the weights; finite
   * @param grouping codes and groups; symmetric
   * @param sparsity fraction of the groups to leave out, from 0 to 1: {@code Math.round((1 −
   *     sparsity) · groups)} of each row, or of the matrix, are kept
   * @param scope among which groups the best are kept
   */
  public static GroupSparseMatrix magnitude(
      WeightMatrix matrix, Grouping grouping, double sparsity, Scope scope) {
    Checks.notNull("matrix", matrix);
    Checks.notNull("grouping", grouping);
    Checks.notNull("scope", scope);
    Checks.that(grouping.symmetric(), "grouping.symmetric", false, "true");
    Checks.that(sparsity >= 0 && sparsity <= 1, "sparsity", sparsity, "0..1");
    int groups = grouping.groups(matrix.columns());
    Checks.between("rows·groups", (long) matrix.rows() * groups, 1, Integer.MAX_VALUE - 8);
    double[] scores = scores(matrix, grouping, groups);
    BitSet kept = new BitSet(scores.length);
    int scopeGroups = scope == Scope.PER_ROW ? groups : scores.length;
    int best = (int) Math.round((1 - sparsity) * scopeGroups);
    for (int from = 0; from < scores.length; from += scopeGroups) {
      keepBest(scores, from, from + scopeGroups, best, kept);
    }
    return pack(matrix, grouping, groups, kept);
  }

  private static double[] scores(WeightMatrix matrix, Grouping grouping, int groups) {
    double[] scores = new double[matrix.rows() * groups];
    float[] row = new float[matrix.columns()];
    for (int n = 0; n < matrix.rows(); n++) {
      matrix.decodeRow(n, row);
      for (int k = 0; k < row.length; k++) {
        scores[n * groups + k / grouping.size()] += Math.abs(Checks.finite("weight", row[k]));
      }
    }
    return scores;
  }

  private static void keepBest(double[] scores, int from, int to, int best, BitSet kept) {
    if (best == 0) {
      return;
    }
    double[] sorted = Arrays.copyOfRange(scores, from, to);
    Arrays.sort(sorted);
    double least = sorted[sorted.length - best];
    int left = best;
    for (int i = from; i < to; i++) {
      if (scores[i] > least) {
        kept.set(i);
        left--;
      }
    }
    for (int i = from; left > 0; i++) {
      if (scores[i] == least) {
        kept.set(i);
        left--;
      }
    }
  }

  private static GroupSparseMatrix pack(
      WeightMatrix matrix, Grouping grouping, int groups, BitSet kept) {
    Arena arena = Arena.ofAuto();
    int count = kept.cardinality();
    Tensor rowStart = Tensor.allocate(arena, DType.I64, matrix.rows() + 1L);
    Tensor groupIndex = Tensor.allocate(arena, DType.I16, count);
    Tensor codes = Tensor.allocate(arena, DType.U8, count, grouping.codeBytes());
    Tensor scales = Tensor.allocate(arena, DType.F16, count);
    float[] row = new float[groups * grouping.size()];
    int t = 0;
    for (int n = 0; n < matrix.rows(); n++) {
      matrix.decodeRow(n, row);
      int first = n * groups;
      for (int i = kept.nextSetBit(first); i >= 0 && i < first + groups; ) {
        int group = i - first;
        groupIndex.segment().setAtIndex(ValueLayout.JAVA_SHORT, t, (short) group);
        GroupCodes.encode(grouping, row, group * grouping.size(), codes, scales, t);
        t++;
        i = kept.nextSetBit(i + 1);
      }
      rowStart.segment().setAtIndex(ValueLayout.JAVA_LONG, n + 1L, t);
    }
    return new GroupSparseMatrix(
        matrix.columns(), grouping, rowStart, groupIndex, codes, scales, null);
  }
}
