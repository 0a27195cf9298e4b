package dev.warpwright.tornado.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.Pruning;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.testkit.ContractTest;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Matrices that share arrays give what they give alone; contracts have one at a time. */
class WeightHeapTest {
  private static final int ROWS = 3;

  /** Sums of some hundred products of numbers around 1, added in another order. */
  private static final float TOLERANCE = 1e-3f;

  private final Random random = new Random(5);
  private final KernelDevice reference = ContractTest.open("reference", 1);
  private final KernelDevice device = ContractTest.open("tornado", 1);

  @AfterEach
  void close() {
    reference.close();
    device.close();
  }

  private Tensor normals(int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.wrap(values, rows, columns);
  }

  /** Of every kind, with and without columns that fill the last group. */
  private List<WeightMatrix> matrices() {
    List<WeightMatrix> matrices = new ArrayList<>();
    for (int columns : new int[] {96, 70, 128}) {
      DenseMatrix dense = new DenseMatrix(normals(columns / 2, columns));
      matrices.add(dense);
      matrices.add(QuantMatrix.quantise(dense, Grouping.w4(32)));
      matrices.add(QuantMatrix.quantise(dense, new Grouping(8, 16, true)));
      matrices.add(Pruning.magnitude(dense, Grouping.w4(16), 0.5, Pruning.Scope.PER_ROW));
    }
    return matrices;
  }

  private static float[] multiply(
      KernelDevice on, WeightMatrix matrix, PreparedMatrix prepared, Tensor x) {
    Tensor y = Tensor.wrap(new float[ROWS * matrix.rows()], ROWS, matrix.rows());
    try (MatrixProduct product = on.sparse().product(MatrixProductSpec.of(ROWS, matrix))) {
      product.run(prepared, x, y);
    }
    return y.toFloats();
  }

  private void compare(List<WeightMatrix> matrices, List<PreparedMatrix> prepared) {
    for (int i = 0; i < matrices.size(); i++) {
      WeightMatrix matrix = matrices.get(i);
      Tensor x = normals(ROWS, matrix.columns());
      try (PreparedMatrix alone = reference.sparse().prepare(matrix)) {
        assertArrayEquals(
            multiply(reference, matrix, alone, x),
            multiply(device, matrix, prepared.get(i), x),
            TOLERANCE,
            matrix + ", number " + i);
      }
    }
  }

  @Test
  void matricesComeAndGo() {
    List<WeightMatrix> matrices = matrices();
    List<PreparedMatrix> prepared = new ArrayList<>();
    matrices.forEach(matrix -> prepared.add(device.sparse().prepare(matrix)));
    compare(matrices, prepared);
    // Those that stay move together, and what is added needs more room than there was.
    for (int i = matrices.size() - 1; i >= 0; i -= 3) {
      matrices.remove(i);
      prepared.remove(i).close();
    }
    for (WeightMatrix added : matrices()) {
      matrices.add(added);
      prepared.add(device.sparse().prepare(added));
    }
    compare(matrices, prepared);
    prepared.forEach(PreparedMatrix::close);
  }

  @Test
  void expertsLieBesideMatrices() {
    List<WeightMatrix> all = matrices();
    for (int kind = 0; kind < 4; kind++) {
      WeightMatrix matrix = all.get(kind);
      ExpertWeights experts = new ExpertWeights(List.of(matrix, matrix), List.of(matrix, matrix));
      ExpertMatmulSpec spec =
          ExpertMatmulSpec.of(ROWS, experts, ExpertMatmulSpec.Activation.SWIGLU, 0);
      Tensor x = normals(ROWS, matrix.columns());
      Tensor offsets = Tensor.wrap(new int[] {0, 1, ROWS}, 3);
      Tensor expected = Tensor.wrap(new float[ROWS * matrix.rows()], ROWS, matrix.rows());
      Tensor actual = Tensor.wrap(new float[ROWS * matrix.rows()], ROWS, matrix.rows());
      try (PreparedMatrix before = device.sparse().prepare(all.get(kind + 4));
          PreparedExperts wanted = reference.moe().prepare(experts);
          PreparedExperts prepared = device.moe().prepare(experts);
          ExpertMatmul want = reference.moe().expertMatmul(spec);
          ExpertMatmul got = device.moe().expertMatmul(spec)) {
        want.run(wanted, offsets, null, x, expected);
        got.run(prepared, offsets, null, x, actual);
        // Two such sums, of around 10 each, are multiplied.
        assertArrayEquals(expected.toFloats(), actual.toFloats(), 100 * TOLERANCE, "" + before);
      }
    }
  }
}
