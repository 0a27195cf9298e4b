package dev.warpwright.cuda.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.cuda.CudaProvider;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the contract's cases cannot see. */
@CudaTest
class ExpertMatmulCudaTest {
  private static final int ROWS = 67;

  private static KernelDevice open(int ordinal) {
    return new CudaProvider().open(OpenOptions.defaults().withOrdinal(ordinal));
  }

  static Stream<WeightFormat> formats() {
    return Stream.of(
        new WeightFormat.Dense(DType.F32),
        new WeightFormat.Dense(DType.BF16),
        new WeightFormat.Quant(Grouping.w4(128)),
        new WeightFormat.Quant(new Grouping(8, 16, false)),
        new WeightFormat.GroupSparse(Grouping.w4(8)));
  }

  private static WeightMatrix matrix(WeightFormat format, int seed) {
    return CaseWeights.matrix(new CaseRandom(seed), 136, 1400, format);
  }

  private static float[] product(KernelDevice device, WeightMatrix w, Tensor x) {
    int rows = (int) x.size(0);
    float[] y = new float[rows * w.rows()];
    try (PreparedMatrix prepared = device.sparse().prepare(w);
        MatrixProduct plan = device.sparse().product(MatrixProductSpec.of(rows, w))) {
      plan.run(prepared, x, Tensor.wrap(y, rows, w.rows()));
    }
    return y;
  }

  /**
   * One and two, few and many slots, cut and whole, on another device: every slot has the bits of
   * the product with its expert's matrix.
   */
  @ParameterizedTest
  @MethodSource("formats")
  @SoftGpuTest(devices = {"H100", "A100"})
  void sameBitsForAnyLoadAndDevice(WeightFormat format) {
    List<WeightMatrix> matrices = List.of(matrix(format, 1), matrix(format, 2), matrix(format, 3));
    int inputs = matrices.getFirst().columns();
    Tensor x = Tensor.wrap(new CaseRandom(4).normals(ROWS * inputs, 1), ROWS, inputs);
    try (KernelDevice device = open(0);
        KernelDevice other = open(1)) {
      float[][] expected =
          matrices.stream().map(w -> product(device, w, x)).toArray(float[][]::new);
      assertSlots(device, matrices, x, expected, 1, 2, 3);
      assertSlots(other, matrices, x, expected, 8, 9, 0);
      assertSlots(device, matrices, x, expected, 32, 0, 33);
      assertSlots(other, matrices, x, expected, 0, ROWS, 0);
    }
  }

  /** Expert e has the first {@code load[e]} rows; twice, for the counters of the first run. */
  private static void assertSlots(
      KernelDevice device, List<WeightMatrix> matrices, Tensor x, float[][] products, int... load) {
    int slots = Arrays.stream(load).sum();
    int outputs = matrices.getFirst().rows();
    int[] offsets = new int[load.length + 1];
    int[] order = new int[slots];
    float[] expected = new float[slots * outputs];
    for (int e = 0, slot = 0; e < load.length; e++) {
      for (int row = 0; row < load[e]; row++, slot++) {
        order[slot] = row;
        System.arraycopy(products[e], row * outputs, expected, slot * outputs, outputs);
      }
      offsets[e + 1] = slot;
    }
    ExpertWeights weights = ExpertWeights.plain(matrices);
    float[] y = new float[slots * outputs];
    ExpertMatmulSpec spec =
        ExpertMatmulSpec.of(slots, weights, Activation.NONE, 1).withMaxRows(ROWS);
    try (PreparedExperts experts = device.moe().prepare(weights);
        ExpertMatmul plan = device.moe().expertMatmul(spec)) {
      for (int round = 0; round < 2; round++) {
        plan.run(
            experts,
            Tensor.wrap(offsets, offsets.length),
            Tensor.wrap(order, slots),
            x,
            Tensor.wrap(y, slots, outputs));
        assertArrayEquals(expected, y, 0f, Arrays.toString(load));
        Arrays.fill(y, 0);
      }
    }
  }

  /** An infinity in a row reaches the products that it belongs to, and no other. */
  @Test
  void infinitiesReachTheirProductsOnly() {
    float inf = Float.POSITIVE_INFINITY;
    DenseMatrix gate = new DenseMatrix(Tensor.wrap(new float[] {1, inf, 2, 0}, 2, 2));
    DenseMatrix up = new DenseMatrix(Tensor.wrap(new float[] {1, 0, 3, 1}, 2, 2));
    ExpertWeights weights = ExpertWeights.gated(List.of(gate), List.of(up));
    float[] x = new float[2 * 40];
    Arrays.fill(x, 1);
    float[] y = new float[2 * 40];
    try (KernelDevice device = open(0);
        PreparedExperts experts = device.moe().prepare(weights)) {
      for (int slots : new int[] {1, 3, 40}) {
        try (ExpertMatmul plan =
            device.moe().expertMatmul(ExpertMatmulSpec.of(slots, weights, Activation.SWIGLU, 0))) {
          plan.run(
              experts,
              Tensor.wrap(new int[] {0, slots}, 2),
              null,
              Tensor.wrap(x, 40, 2).slice(0, slots),
              Tensor.wrap(y, 40, 2).slice(0, slots));
        }
        assertArrayEquals(new float[] {inf, 7.046377f}, Arrays.copyOf(y, 2), 1e-5f);
      }
    }
  }
}
