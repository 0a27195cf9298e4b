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

  /** What a way of pruning does with one row. */
  interface Method {
    /** Writes how much each group of {@code row} is worth to {@code scores[at …]}. */
    void score(float[] row, double[] scores, int at);

    /**
     * Rounds the kept groups of {@code row}, whose indices rise, to codes and scales {@code at …}.
     */
    void encode(float[] row, int[] kept, Tensor codes, Tensor scales, long at);
  }

  /** Added to the moments' diagonal, as a fraction of its mean. */
  private static final double DAMPING = 0.05;

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
    int groups = check(matrix, grouping, sparsity, scope);
    return prune(matrix, grouping, groups, sparsity, scope, new MagnitudeRounding(grouping));
  }

  /**
   * Leaves out and rounds so that the outputs change little: with H = Σ x·xᵀ over sample inputs
   * (damped by 5 % of its mean diagonal), keeps the groups with the largest w_gᵀ ([H⁻¹]_gg)⁻¹ w_g,
   * moves the kept weights of each row to the minimum of (w − t)ᵀ H (w − t), and rounds them one by
   * one, each taking up the errors of those rounded before it. At sparsity 0 it only rounds, more
   * faithfully than {@link QuantMatrix#quantise}.
   *
   * <p>Takes columns³ multiplications for the matrix and (kept columns)³ / 6 for each row: seconds
   * for thousands of rows of a few hundred columns, hours for thousands of columns. The same
   * arguments give the same bits.
   *
   * <p>Sources: optimal brain surgeon (Hassibi, Stork 1993) for groups and GPTQ's rounding (arXiv
   * 2210.17323), which GQSA (arXiv 2412.17560) starts from.
   *
   * @param matrix the weights; finite
   * @param grouping codes and groups; symmetric
   * @param sparsity fraction of the groups to leave out, as in {@link #magnitude}
   * @param scope among which groups the best are kept
   * @param inputs what the matrix is multiplied with; at least one input
   */
  public static GroupSparseMatrix secondOrder(
      WeightMatrix matrix, Grouping grouping, double sparsity, Scope scope, InputMoments inputs) {
    int groups = check(matrix, grouping, sparsity, scope);
    Checks.notNull("inputs", inputs);
    Checks.that(
        inputs.columns() == matrix.columns(),
        "inputs.columns",
        inputs.columns(),
        "the matrix's " + matrix.columns());
    Checks.that(inputs.inputs() > 0, "inputs.inputs", inputs.inputs(), "at least 1");
    return prune(
        matrix,
        grouping,
        groups,
        sparsity,
        scope,
        new SecondOrderRounding(grouping, inputs.damped(DAMPING), matrix.columns()));
  }

  private static int check(WeightMatrix matrix, Grouping grouping, double sparsity, Scope scope) {
    Checks.notNull("matrix", matrix);
    Checks.notNull("grouping", grouping);
    Checks.notNull("scope", scope);
    Checks.that(grouping.symmetric(), "grouping.symmetric", false, "true");
    Checks.that(sparsity >= 0 && sparsity <= 1, "sparsity", sparsity, "0..1");
    int groups = grouping.groups(matrix.columns());
    Checks.between("rows·groups", (long) matrix.rows() * groups, 1, Integer.MAX_VALUE - 8);
    return groups;
  }

  private static GroupSparseMatrix prune(
      WeightMatrix matrix,
      Grouping grouping,
      int groups,
      double sparsity,
      Scope scope,
      Method method) {
    float[] row = new float[groups * grouping.size()];
    double[] scores = new double[matrix.rows() * groups];
    for (int n = 0; n < matrix.rows(); n++) {
      matrix.decodeRow(n, row);
      method.score(row, scores, n * groups);
    }
    BitSet kept = new BitSet(scores.length);
    int scopeGroups = scope == Scope.PER_ROW ? groups : scores.length;
    int best = (int) Math.round((1 - sparsity) * scopeGroups);
    for (int from = 0; from < scores.length; from += scopeGroups) {
      keepBest(scores, from, from + scopeGroups, best, kept);
    }
    Arena arena = Arena.ofAuto();
    int count = kept.cardinality();
    Tensor rowStart = Tensor.allocate(arena, DType.I64, matrix.rows() + 1L);
    Tensor groupIndex = Tensor.allocate(arena, DType.I16, count);
    Tensor codes = Tensor.allocate(arena, DType.U8, count, grouping.codeBytes());
    Tensor scales = Tensor.allocate(arena, DType.F16, count);
    int t = 0;
    for (int n = 0; n < matrix.rows(); n++) {
      int first = n * groups;
      int[] indices = kept.get(first, first + groups).stream().toArray();
      for (int i = 0; i < indices.length; i++) {
        groupIndex.segment().setAtIndex(ValueLayout.JAVA_SHORT, t + i, (short) indices[i]);
      }
      matrix.decodeRow(n, row);
      method.encode(row, indices, codes, scales, t);
      t += indices.length;
      rowStart.segment().setAtIndex(ValueLayout.JAVA_LONG, n + 1L, t);
    }
    return new GroupSparseMatrix(
        matrix.columns(), grouping, rowStart, groupIndex, codes, scales, null);
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
}
