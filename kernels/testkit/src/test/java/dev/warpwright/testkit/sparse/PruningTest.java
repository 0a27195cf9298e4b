package dev.warpwright.testkit.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.Pruning;
import dev.warpwright.kernels.sparse.Pruning.Scope;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.Refusals;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PruningTest {
  private static final Grouping G8 = Grouping.w4(8);

  /** Three rows of four groups, the last of one weight, with these magnitudes. */
  private static DenseMatrix matrix(float... magnitudes) {
    float[] w = new float[3 * 25];
    for (int i = 0; i < 12; i++) {
      // One weight makes the group's score; its sign must not matter.
      w[i / 4 * 25 + i % 4 * 8] = i % 2 == 0 ? magnitudes[i] : -magnitudes[i];
    }
    return new DenseMatrix(Tensor.wrap(w, 3, 25));
  }

  private static String kept(GroupSparseMatrix matrix) {
    StringBuilder text = new StringBuilder();
    for (int n = 0; n < matrix.rows(); n++) {
      for (long t = matrix.rowStart(n); t < matrix.rowStart(n + 1); t++) {
        text.append(matrix.groupIndex(t));
      }
      text.append('/');
    }
    return text.toString();
  }

  @ParameterizedTest
  @CsvSource({
    "0, PER_ROW, 0123/0123/0123/",
    "0.5, PER_ROW, 03/01/01/",
    "0.5, PER_MATRIX, 023/012//",
    "0.7, PER_ROW, 3/0/0/",
    "0.7, PER_MATRIX, 3/012//",
    "0.875, PER_ROW, 3/0/0/",
    "1, PER_ROW, ///",
    "1, PER_MATRIX, ///"
  })
  void keepsTheLargestAndOfEqualOnesTheFirst(double sparsity, Scope scope, String expected) {
    DenseMatrix w = matrix(3, 2, 3, 4, 5, 5, 5, 1, 2, 2, 2, 2);
    assertEquals(expected, kept(Pruning.magnitude(w, G8, sparsity, scope)));
  }

  @Test
  void scoresBySumsOfMagnitudes() {
    float[] w = new float[16];
    w[0] = 3;
    java.util.Arrays.fill(w, 8, 16, -0.5f);
    GroupSparseMatrix pruned =
        Pruning.magnitude(new DenseMatrix(Tensor.wrap(w, 1, 16)), G8, 0.5, Scope.PER_ROW);
    assertEquals("1/", kept(pruned));
  }

  /** Kept groups are rounded like those of a quantised matrix. */
  @ParameterizedTest
  @EnumSource(Scope.class)
  void roundsLikeQuantMatrix(Scope scope) {
    Tensor values = Tensor.wrap(new CaseRandom(3).normals(20 * 77, 1), 20, 77);
    DenseMatrix dense = new DenseMatrix(values);
    QuantMatrix quantised = QuantMatrix.quantise(dense, G8);
    GroupSparseMatrix pruned = Pruning.magnitude(dense, G8, 0.4, scope);
    assertEquals(scope == Scope.PER_ROW ? 20 * 6 : 120, pruned.kept());
    float[] expected = new float[77];
    float[] actual = new float[77];
    for (int n = 0; n < 20; n++) {
      quantised.decodeRow(n, expected);
      pruned.decodeRow(n, actual);
      boolean[] keeps = new boolean[10];
      for (long t = pruned.rowStart(n); t < pruned.rowStart(n + 1); t++) {
        keeps[pruned.groupIndex(t)] = true;
      }
      for (int k = 0; k < 77; k++) {
        expected[k] = keeps[k / 8] ? expected[k] : 0;
      }
      assertArrayEquals(expected, actual);
    }
  }

  @Test
  void refusesBadArguments() {
    DenseMatrix w = matrix(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    DenseMatrix nan = matrix(1, 2, 3, 4, 5, Float.NaN, 7, 8, 9, 10, 11, 12);
    Refusals refusals = new Refusals(w.weights());
    for (double sparsity : new double[] {-0.1, 1.1, Double.NaN}) {
      refusals.assertRefused(
          "sparsity",
          String.valueOf(sparsity),
          "0..1",
          () -> Pruning.magnitude(w, G8, sparsity, Scope.PER_ROW));
    }
    refusals.assertRefused(
        "weight", "NaN", "a finite number", () -> Pruning.magnitude(nan, G8, 0, Scope.PER_ROW));
    refusals.assertRefused(
        "grouping.symmetric",
        "false",
        "true",
        () -> Pruning.magnitude(w, new Grouping(4, 8, false), 0, Scope.PER_ROW));
  }
}
