package dev.warpwright.testkit.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.InputMoments;
import dev.warpwright.kernels.sparse.Pruning;
import dev.warpwright.kernels.sparse.Pruning.Scope;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.Refusals;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SecondOrderPruningTest {
  private static final int ROWS = 30;
  private static final int INPUTS = 400;

  private static DenseMatrix weights(int columns) {
    return new DenseMatrix(
        Tensor.wrap(new CaseRandom(11).normals(ROWS * columns, 1), ROWS, columns));
  }

  /** Inputs whose features go together, four by four, and differ in size. */
  private static float[] inputs(int columns) {
    float[] x = new CaseRandom(12).normals(INPUTS * columns, 1);
    for (int i = 0; i < x.length; i++) {
      int k = i % columns;
      x[i] = (k % 4 == 0 ? x[i] : 0.3f * x[i] + x[i - k % 4]) * (1 + k % 7);
    }
    return x;
  }

  private static InputMoments moments(float[] x, int columns) {
    InputMoments moments = new InputMoments(columns);
    int half = x.length / columns / 2 * columns; // in two calls
    moments.add(Tensor.wrap(Arrays.copyOf(x, half), half / columns, columns));
    float[] rest = Arrays.copyOfRange(x, half, x.length);
    moments.add(Tensor.wrap(rest, rest.length / columns, columns));
    return moments;
  }

  /** Σ over inputs and rows of the squared error of the outputs, per row. */
  private static double[] errors(WeightMatrix exact, WeightMatrix pruned, float[] x) {
    int columns = exact.columns();
    double[] errors = new double[exact.rows()];
    float[] w = new float[columns];
    float[] q = new float[columns];
    for (int n = 0; n < errors.length; n++) {
      exact.decodeRow(n, w);
      pruned.decodeRow(n, q);
      for (int i = 0; i < x.length; i += columns) {
        double error = 0;
        for (int k = 0; k < columns; k++) {
          error += ((double) w[k] - q[k]) * x[i + k];
        }
        errors[n] += error * error;
      }
    }
    return errors;
  }

  /** Unit vectors as inputs: then every weight counts for itself. */
  @ParameterizedTest
  @CsvSource({"40, 4, 8", "37, 4, 8", "70, 2, 16", "33, 8, 32"})
  void independentInputsRoundToNearest(int columns, int bits, int size) {
    Grouping grouping = new Grouping(bits, size, true);
    InputMoments unit = new InputMoments(columns);
    float[] x = new float[columns * columns];
    for (int k = 0; k < columns; k++) {
      x[k * columns + k] = 1;
    }
    unit.add(Tensor.wrap(x, columns, columns));
    DenseMatrix w = weights(columns);
    GroupSparseMatrix all = Pruning.secondOrder(w, grouping, 0, Scope.PER_ROW, unit);
    QuantMatrix nearest = QuantMatrix.quantise(w, grouping);
    float[] expected = new float[columns];
    float[] actual = new float[columns];
    for (int n = 0; n < ROWS; n++) {
      nearest.decodeRow(n, expected);
      all.decodeRow(n, actual);
      assertArrayEquals(expected, actual);
    }
  }

  /**
   * The group left out is the one that costs least when all other weights adapt, and they do adapt:
   * to the solution of the normal equations, up to rounding to 8 bits.
   */
  @ParameterizedTest
  @CsvSource({"24, 8", "29, 8", "48, 16"})
  void leavesOutWhatCostsLeast(int columns, int size) {
    float[] x = inputs(columns);
    DenseMatrix w = weights(columns);
    Grouping grouping = new Grouping(8, size, true);
    int groups = grouping.groups(columns);
    GroupSparseMatrix pruned =
        Pruning.secondOrder(w, grouping, 1.0 / groups, Scope.PER_ROW, moments(x, columns));
    double[][] h = damped(x, columns);
    float[] row = new float[columns];
    float[] q = new float[columns];
    for (int n = 0; n < ROWS; n++) {
      w.decodeRow(n, row);
      double least = Double.POSITIVE_INFINITY;
      int best = -1;
      for (int g = 0; g < groups; g++) {
        int end = Math.min(columns, (g + 1) * size);
        double cost = cost(h, row, withoutGroup(h, row, g * size, end));
        if (cost < least) {
          least = cost;
          best = g;
        }
      }
      for (long t = pruned.rowStart(n); t < pruned.rowStart(n + 1); t++) {
        assertTrue(pruned.groupIndex(t) != best, "row " + n + " keeps group " + best);
      }
      pruned.decodeRow(n, q);
      double[] rounded = new double[columns];
      for (int k = 0; k < columns; k++) {
        rounded[k] = q[k];
      }
      // Steps of 1/127 of the largest weight: together they cost little beside a whole group.
      assertTrue(cost(h, row, rounded) <= least * 1.05 + 1e-3 * cost(h, row, new double[columns]));
    }
  }

  private static double[][] damped(float[] x, int columns) {
    double[][] h = new double[columns][columns];
    double trace = 0;
    for (int i = 0; i < columns; i++) {
      for (int j = 0; j < columns; j++) {
        for (int row = 0; row < x.length; row += columns) {
          h[i][j] += (double) x[row + i] * x[row + j];
        }
      }
      trace += h[i][i];
    }
    for (int i = 0; i < columns; i++) {
      h[i][i] += 0.05 * trace / columns;
    }
    return h;
  }

  private static double cost(double[][] h, float[] w, double[] t) {
    double cost = 0;
    for (int i = 0; i < w.length; i++) {
      for (int j = 0; j < w.length; j++) {
        cost += (w[i] - t[i]) * h[i][j] * (w[j] - t[j]);
      }
    }
    return cost;
  }

  /** Minimises the cost with weights {@code from … to − 1} zero, by Gauss-Jordan elimination. */
  private static double[] withoutGroup(double[][] h, float[] w, int from, int to) {
    int columns = w.length;
    double[][] a = new double[columns][columns + 1];
    for (int i = 0; i < columns; i++) {
      boolean out = i >= from && i < to;
      for (int j = 0; j < columns; j++) {
        boolean kept = !out && (j < from || j >= to);
        a[i][j] = kept ? h[i][j] : i == j ? 1 : 0;
        a[i][columns] += out ? 0 : h[i][j] * w[j];
      }
    }
    for (int k = 0; k < columns; k++) {
      for (int i = 0; i < columns; i++) {
        double factor = i == k ? 0 : a[i][k] / a[k][k];
        for (int j = k; j <= columns; j++) {
          a[i][j] -= factor * a[k][j];
        }
      }
    }
    double[] t = new double[columns];
    for (int i = 0; i < columns; i++) {
      t[i] = a[i][columns] / a[i][i];
    }
    return t;
  }

  /** On inputs that go together, errors of one weight are taken up by others. */
  @ParameterizedTest
  @CsvSource({"0, PER_ROW, 0.7", "0.5, PER_ROW, 0.5", "0.5, PER_MATRIX, 0.5", "1, PER_ROW, 1"})
  void changesOutputsLessThanMagnitudePruning(double sparsity, Scope scope, double ratio) {
    int columns = 93;
    float[] x = inputs(columns);
    DenseMatrix w = weights(columns);
    Grouping grouping = Grouping.w4(8);
    double[] second =
        errors(w, Pruning.secondOrder(w, grouping, sparsity, scope, moments(x, columns)), x);
    double[] magnitude = errors(w, Pruning.magnitude(w, grouping, sparsity, scope), x);
    double sum = Arrays.stream(second).sum() / Arrays.stream(magnitude).sum();
    assertTrue(sum <= ratio, "error " + sum + " of that of magnitude pruning");
  }

  @Test
  void inputsOfZerosCountEveryWeightAlike() {
    InputMoments zeros = new InputMoments(24);
    zeros.add(Tensor.wrap(new float[24], 1, 24));
    DenseMatrix w = weights(24);
    GroupSparseMatrix pruned = Pruning.secondOrder(w, Grouping.w4(8), 0, Scope.PER_ROW, zeros);
    float[] expected = new float[24];
    float[] actual = new float[24];
    QuantMatrix.quantise(w, Grouping.w4(8)).decodeRow(3, expected);
    pruned.decodeRow(3, actual);
    assertArrayEquals(expected, actual);
  }

  @Test
  void refusesBadArguments() {
    DenseMatrix w = weights(24);
    InputMoments moments = new InputMoments(24);
    Refusals refusals = new Refusals(w.weights());
    refusals.assertRefused(
        "inputs.inputs",
        "0",
        "at least 1",
        () -> Pruning.secondOrder(w, Grouping.w4(8), 0, Scope.PER_ROW, moments));
    refusals.assertRefused(
        "inputs.columns",
        "25",
        "the matrix's 24",
        () -> Pruning.secondOrder(w, Grouping.w4(8), 0, Scope.PER_ROW, new InputMoments(25)));
    refusals.assertRefused("columns", "0", "1..32768", () -> new InputMoments(0));
    refusals.assertRefused(
        "x", "NaN", "a finite number", () -> moments.add(Tensor.wrap(nan(), 1, 24)));
    assertEquals(0, moments.inputs());
    refusals.assertRefused("x.rank", "1", "2", () -> moments.add(Tensor.wrap(new float[24], 24)));
  }

  private static float[] nan() {
    float[] x = new float[24];
    x[23] = Float.NaN;
    return x;
  }
}
