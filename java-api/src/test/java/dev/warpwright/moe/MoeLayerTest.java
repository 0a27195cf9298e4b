package dev.warpwright.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MoeLayerTest {
  private static final int EXPERTS = 5;
  private static final int HIDDEN = 12;
  private static final int INNER = 20;

  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final Random random = new Random(11);
  private final List<DenseMatrix> gate = matrices(INNER, HIDDEN);
  private final List<DenseMatrix> up = matrices(INNER, HIDDEN);
  private final List<DenseMatrix> down = matrices(HIDDEN, INNER);
  private final DenseMatrix router = matrix(EXPERTS, HIDDEN);
  private final MoeWeights weights = MoeWeights.of(router, gate, up, down);

  @AfterEach
  void close() {
    ww.close();
  }

  private List<DenseMatrix> matrices(int rows, int columns) {
    List<DenseMatrix> list = new ArrayList<>();
    for (int e = 0; e < EXPERTS; e++) {
      list.add(matrix(rows, columns));
    }
    return list;
  }

  private DenseMatrix matrix(int rows, int columns) {
    return new DenseMatrix(Tensor.wrap(floats(rows * columns), rows, columns));
  }

  private float[] floats(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void equalsTheFormulaTokenByToken() {
    try (MoeLayer layer = ww.moe(MoeSpec.mixtral(8, EXPERTS, 2), weights)) {
      for (int tokens : new int[] {1, 7, 0, 8}) {
        float[] x = floats(tokens * HIDDEN);
        float[] y = new float[tokens * HIDDEN];
        Routing routing =
            layer.apply(Tensor.wrap(x, tokens, HIDDEN), Tensor.wrap(y, tokens, HIDDEN));
        float[] expected = new float[tokens * HIDDEN];
        for (int t = 0; t < tokens; t++) {
          for (int j = 0; j < 2; j++) {
            int e = routing.ids().getInt(2L * t + j);
            double[] inner = new double[INNER];
            for (int n = 0; n < INNER; n++) {
              double a = dot(gate.get(e), n, x, t);
              inner[n] = a / (1 + Math.exp(-a)) * dot(up.get(e), n, x, t);
            }
            for (int n = 0; n < HIDDEN; n++) {
              double sum = 0;
              for (int i = 0; i < INNER; i++) {
                sum += inner[i] * down.get(e).weights().getFloat((long) n * INNER + i);
              }
              expected[t * HIDDEN + n] += (float) (routing.weights().getFloat(2L * t + j) * sum);
            }
          }
        }
        // Sums of 12 and 20 products of magnitude up to about 100 in F32.
        assertArrayEquals(expected, y, 2e-3f);
      }
    }
  }

  private static double dot(DenseMatrix matrix, int row, float[] x, int token) {
    double sum = 0;
    for (int k = 0; k < HIDDEN; k++) {
      sum += (double) matrix.weights().getFloat((long) row * HIDDEN + k) * x[token * HIDDEN + k];
    }
    return sum;
  }

  @Test
  void closingGivesEverythingBack() {
    long before = MemoryAccount.live();
    MoeLayer first = ww.moe(MoeSpec.mixtral(8, EXPERTS, 2), weights);
    MoeLayer second = ww.moe(MoeSpec.mixtral(8, EXPERTS, 2), weights);
    first.close();
    first.close();
    second.apply(Tensor.wrap(floats(HIDDEN), 1, HIDDEN), Tensor.wrap(new float[HIDDEN], 1, HIDDEN));
    second.close();
    assertEquals(before, MemoryAccount.live());
  }

  @Test
  void weightsThatDoNotFitAreRefused() {
    assertEquals(
        "router.rows",
        assertThrows(
                InvalidArgumentException.class,
                () -> MoeWeights.of(matrix(EXPERTS + 1, HIDDEN), gate, up, down))
            .argument());
    assertEquals(
        "reduce.inputs",
        assertThrows(
                InvalidArgumentException.class,
                () -> MoeWeights.of(router, gate, up, matrices(HIDDEN, 4)))
            .argument());
    assertEquals(
        "up[1]",
        assertThrows(
                InvalidArgumentException.class,
                () ->
                    MoeWeights.of(
                        router,
                        gate,
                        List.of(up.get(0), matrix(3, 3), up.get(2), up.get(3), up.get(4)),
                        down))
            .argument());
    long before = MemoryAccount.live();
    assertEquals(
        "spec.route.experts",
        assertThrows(
                InvalidArgumentException.class, () -> ww.moe(MoeSpec.mixtral(8, 4, 2), weights))
            .argument());
    assertEquals(before, MemoryAccount.live());
  }

  @Test
  void tensorsThatDoNotFitAreRefused() {
    try (MoeLayer layer = ww.moe(MoeSpec.mixtral(2, EXPERTS, 2), weights)) {
      assertEquals(
          "x.shape[0]",
          assertThrows(
                  InvalidArgumentException.class,
                  () ->
                      layer.apply(
                          Tensor.wrap(new float[3 * HIDDEN], 3, HIDDEN),
                          Tensor.wrap(new float[3 * HIDDEN], 3, HIDDEN)))
              .argument());
      float[] both = new float[HIDDEN];
      assertEquals(
          "y",
          assertThrows(
                  InvalidArgumentException.class,
                  () -> layer.apply(Tensor.wrap(both, 1, HIDDEN), Tensor.wrap(both, 1, HIDDEN)))
              .argument());
    }
  }
}
