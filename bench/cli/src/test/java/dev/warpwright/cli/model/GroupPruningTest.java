package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class GroupPruningTest {

  /** 3 rows of 20 columns in groups of 8: each group holds one value, the last is short. */
  private static DenseMatrix matrix(float[][] groups) {
    float[] weights = new float[60];
    for (int row = 0; row < 3; row++) {
      for (int k = 0; k < 20; k++) {
        weights[row * 20 + k] = groups[row][k / 8];
      }
    }
    return new DenseMatrix(Tensor.wrap(weights, 3, 20));
  }

  @Test
  void keepsTheHeaviestGroupsOfTheWholeMatrix() {
    DenseMatrix dense = matrix(new float[][] {{7, -7, 0}, {1, 1, 1}, {0, 0, 7}});
    GroupSparseMatrix pruned = GroupPruning.byMagnitude(dense, Grouping.w4(8), 1.0 / 3);
    assertEquals(3, pruned.kept());
    float[][] expected = {new float[20], new float[20], new float[20]};
    Arrays.fill(expected[0], 0, 8, 7);
    Arrays.fill(expected[0], 8, 16, -7);
    Arrays.fill(expected[2], 16, 20, 7);
    float[] row = new float[20];
    for (int n = 0; n < 3; n++) {
      pruned.decodeRow(n, row);
      assertArrayEquals(expected[n], row);
    }
  }

  @Test
  void ofEqualGroupsTheFirstAreKept() {
    DenseMatrix dense = matrix(new float[][] {{7, 7, 0}, {7, 7, 0}, {7, 7, 0}});
    GroupSparseMatrix pruned = GroupPruning.byMagnitude(dense, Grouping.w4(8), 0.5);
    assertEquals(5, pruned.kept());
    assertEquals(2, pruned.rowStart(1));
    assertEquals(4, pruned.rowStart(2));
    assertEquals(0, pruned.groupIndex(4));
  }
}
