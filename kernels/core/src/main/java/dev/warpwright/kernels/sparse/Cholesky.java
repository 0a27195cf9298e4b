package dev.warpwright.kernels.sparse;

/** Triangular factors of small positive definite matrices, row-major, in double. */
final class Cholesky {
  private Cholesky() {}

  /** Replaces the upper triangle of {@code a} by R with a = RᵀR; below the diagonal is not read. */
  static void factor(double[] a, int n) {
    for (int k = 0; k < n; k++) {
      int row = k * n;
      double pivot = Math.sqrt(a[row + k]);
      for (int j = k; j < n; j++) {
        a[row + j] /= pivot;
      }
      for (int i = k + 1; i < n; i++) {
        subtract(a[row + i], a, row, a, i * n, i, n);
      }
    }
  }

  /** Replaces b by the solution y of Rᵀy = b. */
  static void solveTransposed(double[] r, int n, double[] b) {
    for (int k = 0; k < n; k++) {
      b[k] /= r[k * n + k];
      subtract(b[k], r, k * n, b, 0, k + 1, n);
    }
  }

  /** Replaces y by the solution x of Rx = y. */
  static void solve(double[] r, int n, double[] y) {
    for (int i = n - 1; i >= 0; i--) {
      y[i] = (y[i] - dot(r, i * n, y, i + 1, n)) / r[i * n + i];
    }
  }

  /** Σ r[row + j] · x[j] for j in {@code from … to − 1}. */
  static double dot(double[] r, int row, double[] x, int from, int to) {
    double sum = 0;
    for (int j = from; j < to; j++) {
      sum += r[row + j] * x[j];
    }
    return sum;
  }

  private static void subtract(
      double scale, double[] from, int fromRow, double[] to, int toRow, int first, int end) {
    for (int j = first; j < end; j++) {
      to[toRow + j] -= scale * from[fromRow + j];
    }
  }
}
