package dev.warpwright.testkit.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.ExpertMatmulContract;
import dev.warpwright.testkit.Repeats;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExpertMatmulContractTest extends ContractTest {
  private static final WeightFormat F32 = new WeightFormat.Dense(DType.F32);

  ExpertMatmulContractTest() {
    super(new ExpertMatmulContract());
  }

  /**
   * Expert 0 doubles, expert 1 swaps the features. Slot 0 is token 1's (choice 2 of topK 2), slot 1
   * padding, slot 2 token 0's, slot 3 lies behind the last offset.
   */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void gathersTokensAndLeavesPadding(String provider) {
    List<DenseMatrix> gate = List.of(matrix(2, 0, 0, 2), matrix(0, 1, 1, 0));
    float[] y = {9, 9, 9, 9, 9, 9, 9, 9};
    multiply(
        provider,
        ExpertWeights.plain(gate),
        new ExpertMatmulSpec(4, 2, 2, 2, F32, Activation.NONE, 2),
        new int[] {0, 2, 3},
        new int[] {2, -1, 1, 0},
        new float[] {1, 2, 3, 4},
        y);
    assertArrayEquals(new float[] {6, 8, 9, 9, 2, 1, 9, 9}, y);
  }

  /** act(a) · 3a for gate 1 and up 3; known values of the logistic and of the normal integral. */
  @ParameterizedTest
  @CsvSource({
    "reference, SWIGLU, 1, 0.7310585786", "cpu, SWIGLU, 1, 0.7310585786",
    "reference, SWIGLU, -2, 0.1192029220", "cpu, SWIGLU, -2, 0.1192029220",
    "reference, SWIGLU, 0, 0.5", "cpu, SWIGLU, 0, 0.5",
    "reference, SWIGLU, -80, 0", "cpu, SWIGLU, -80, 0",
    "reference, SWIGLU, 200, 1", "cpu, SWIGLU, 200, 1",
    "reference, SWIGLU, -200, 0", "cpu, SWIGLU, -200, 0",
    "reference, GEGLU, 1, 0.8413447461", "cpu, GEGLU, 1, 0.8413447461",
    "reference, GEGLU, -1, 0.1586552539", "cpu, GEGLU, -1, 0.1586552539",
    "reference, GEGLU, -3, 0.0013498980", "cpu, GEGLU, -3, 0.0013498980",
    "reference, GEGLU, 0, 0.5", "cpu, GEGLU, 0, 0.5",
    "reference, GEGLU, 40, 1", "cpu, GEGLU, 40, 1",
    "reference, GEGLU, -40, 0", "cpu, GEGLU, -40, 0",
  })
  void activates(String provider, Activation activation, float a, double share) {
    float[] y = {9};
    multiply(
        provider,
        ExpertWeights.gated(List.of(one(1)), List.of(one(3))),
        new ExpertMatmulSpec(1, 1, 1, 1, F32, activation, 0),
        new int[] {0, 1},
        new int[] {0},
        new float[] {a},
        y);
    assertEquals(a * share * 3 * a, y[0], 3e-6 * Math.abs(a * share * 3 * a) + 1e-28);
  }

  static Stream<WeightFormat> formats() {
    return Stream.of(
        F32,
        new WeightFormat.Dense(DType.BF16),
        new WeightFormat.Quant(Grouping.w4(32)),
        new WeightFormat.GroupSparse(Grouping.w4(16)));
  }

  /** Each token is its own expert's only one, or one of many: its row has the same bits. */
  @ParameterizedTest
  @MethodSource("formats")
  void sameBitsForAnyThreadsAndBatch(WeightFormat format) {
    int tokens = 80;
    int outputs = 100;
    int inputs = 200;
    int experts = 2;
    CaseRandom random = new CaseRandom(SEED);
    ExpertWeights weights = gated(random, experts, outputs, inputs, format);
    Tensor x = Tensor.wrap(random.normals(tokens * inputs, 1), tokens, inputs);
    ExpertMatmulSpec spec =
        new ExpertMatmulSpec(tokens, experts, outputs, inputs, format, Activation.SWIGLU, 0);
    Repeats.assertSameBits(
        (device, from, to) -> {
          int rows = to - from;
          // Tokens below 40 go to expert 0.
          int[] offsets = {0, Math.clamp(40 - from, 0, rows), rows};
          Tensor y = Tensor.wrap(new float[rows * outputs], rows, outputs);
          try (PreparedExperts w = device.moe().prepare(weights);
              ExpertMatmul plan = device.moe().expertMatmul(spec)) {
            plan.run(w, Tensor.wrap(offsets, 3), null, x.slice(from, to), y);
          }
          return y;
        },
        tokens);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void runAllocatesNothing(WeightFormat format) {
    CaseRandom random = new CaseRandom(SEED);
    ExpertWeights weights = gated(random, 4, 64, 128, format);
    ExpertMatmulSpec spec = new ExpertMatmulSpec(4, 4, 64, 128, format, Activation.GEGLU, 4);
    Tensor offsets = Tensor.wrap(new int[] {0, 1, 2, 3, 4}, 5);
    Tensor order = Tensor.wrap(new int[] {3, 1, 0, 2}, 4);
    Tensor x = Tensor.wrap(random.normals(128, 1), 1, 128);
    Tensor y = Tensor.wrap(new float[4 * 64], 4, 64);
    try (KernelDevice device = open("cpu", 1);
        PreparedExperts w = device.moe().prepare(weights);
        ExpertMatmul plan = device.moe().expertMatmul(spec)) {
      Repeats.assertNoAllocation(() -> plan.run(w, offsets, order, x, y));
    }
  }

  @Test
  void weightsOutliveTheirSource() {
    float[] source = {1, 2, 3, 4};
    float[] y = new float[2];
    try (KernelDevice device = open("cpu", 1);
        PreparedExperts w =
            device
                .moe()
                .prepare(ExpertWeights.plain(List.of(new DenseMatrix(Tensor.wrap(source, 2, 2)))));
        ExpertMatmul plan =
            device.moe().expertMatmul(new ExpertMatmulSpec(1, 1, 2, 2, F32, Activation.NONE, 0))) {
      Arrays.fill(source, Float.NaN);
      plan.run(
          w,
          Tensor.wrap(new int[] {0, 1}, 2),
          null,
          Tensor.wrap(new float[] {1, 1}, 1, 2),
          Tensor.wrap(y, 1, 2));
    }
    assertArrayEquals(new float[] {3, 7}, y);
  }

  static ExpertWeights gated(
      CaseRandom random, int experts, int outputs, int inputs, WeightFormat format) {
    List<WeightMatrix> gate = new ArrayList<>();
    List<WeightMatrix> up = new ArrayList<>();
    for (int e = 0; e < experts; e++) {
      gate.add(CaseWeights.matrix(random, outputs, inputs, format));
      up.add(CaseWeights.matrix(random, outputs, inputs, format));
    }
    return ExpertWeights.gated(gate, up);
  }

  private static DenseMatrix matrix(float... values) {
    return new DenseMatrix(Tensor.wrap(values, 2, 2));
  }

  private static DenseMatrix one(float value) {
    return new DenseMatrix(Tensor.wrap(new float[] {value}, 1, 1));
  }

  private static void multiply(
      String provider,
      ExpertWeights weights,
      ExpertMatmulSpec spec,
      int[] offsets,
      int[] order,
      float[] x,
      float[] y) {
    try (KernelDevice device = open(provider, 1);
        PreparedExperts w = device.moe().prepare(weights);
        ExpertMatmul plan = device.moe().expertMatmul(spec)) {
      plan.run(
          w,
          Tensor.wrap(offsets, offsets.length),
          Tensor.wrap(order, order.length),
          Tensor.wrap(x, x.length / spec.inputs(), spec.inputs()),
          Tensor.wrap(y, y.length / spec.outputs(), spec.outputs()));
    }
  }
}
