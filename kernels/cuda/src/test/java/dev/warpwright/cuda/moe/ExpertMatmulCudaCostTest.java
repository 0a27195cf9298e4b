package dev.warpwright.cuda.moe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.cuda.TensorWork;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.sim.LaunchReport;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import dev.warpwright.testkit.ContractTest;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Traffic beside the operands in canonical form, and tensor operations. */
@CudaTest
class ExpertMatmulCudaCostTest {
  private static final int EXPERTS = 2;
  private static final int OUTPUTS = 256;
  private static final int INPUTS = 1024;

  static Stream<WeightFormat> formats() {
    return Stream.of(
        new WeightFormat.Dense(DType.F32),
        new WeightFormat.Dense(DType.F16),
        new WeightFormat.Quant(Grouping.w4(32)),
        new WeightFormat.Quant(new Grouping(8, 64, true)),
        new WeightFormat.GroupSparse(Grouping.w4(32)));
  }

  /** The cost of a layer with SwiGLU whose experts have {@code slots} slots each. */
  private record Cost(CostCard card, List<WeightMatrix> matrices, int slots) {
    static Cost of(WeightFormat format, int slots, SoftGpu gpu) {
      CaseRandom random = new CaseRandom(1);
      List<WeightMatrix> matrices =
          Stream.generate(() -> CaseWeights.matrix(random, OUTPUTS, INPUTS, format))
              .limit(2 * EXPERTS)
              .toList();
      ExpertWeights weights =
          ExpertWeights.gated(matrices.subList(0, EXPERTS), matrices.subList(EXPERTS, 2 * EXPERTS));
      int all = EXPERTS * slots;
      try (KernelDevice device = ContractTest.open("cuda", 1);
          PreparedExperts experts = device.moe().prepare(weights);
          DeviceTensor offsets = device.allocate(DType.I32, EXPERTS + 1);
          DeviceTensor x = device.allocate(DType.F32, all, INPUTS);
          DeviceTensor y = device.allocate(DType.F32, all, OUTPUTS);
          ExpertMatmul plan =
              device.moe().expertMatmul(ExpertMatmulSpec.of(all, weights, Activation.SWIGLU, 0))) {
        device.copy(Tensor.wrap(new int[] {0, slots, all}, EXPERTS + 1), offsets.tensor());
        CostCard card =
            CostCard.of(
                gpu,
                device,
                () -> plan.run(experts, offsets.tensor(), null, x.tensor(), y.tensor()));
        return new Cost(card, matrices, slots);
      }
    }

    long weightBytes() {
      return matrices.stream().mapToLong(WeightMatrix::bytes).sum();
    }

    long bytesOf(int features) {
      return 4L * EXPERTS * slots * features;
    }

    void isWithin(String situation) {
      card.assertCosts(
          "expert_matmul", situation, weightBytes() + bytesOf(INPUTS) + bytesOf(OUTPUTS));
    }

    void takesTensorInstructions(long times, ToLongFunction<WeightMatrix> ofMatrix) {
      assertEquals(
          times * matrices.stream().mapToLong(ofMatrix).sum(),
          card.sum(LaunchReport::tensorInstructions));
    }
  }

  /** In a decoding step each expert has a slot: weights are what moves, and they move once. */
  @ParameterizedTest
  @MethodSource("formats")
  void oneSlotReadsWeightsOnce(WeightFormat format, SoftGpu gpu) {
    Cost cost = Cost.of(format, 1, gpu);
    cost.isWithin("1 slot an expert");
    cost.takesTensorInstructions(1, TensorWork::ofTwoRows);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void fewSlotsReadWeightsOnce(WeightFormat format, SoftGpu gpu) {
    Cost cost = Cost.of(format, 8, gpu);
    boolean sparse = format instanceof WeightFormat.GroupSparse;
    cost.isWithin("3 to 8 slots an expert" + (sparse ? ", groups left out" : ""));
    cost.takesTensorInstructions(1, TensorWork::ofEightRows);
  }

  /** Weights move once for 64 slots, and x once for 64 rows of each matrix. */
  @ParameterizedTest
  @MethodSource("formats")
  void manySlotsShareTheWeights(WeightFormat format, SoftGpu gpu) {
    Cost cost = Cost.of(format, 64, gpu);
    cost.isWithin("64 and more slots an expert");
    cost.takesTensorInstructions(8, TensorWork::ofEightRows);
    long asked =
        cost.weightBytes() + cost.bytesOf(INPUTS) * 2 * OUTPUTS / 64 + cost.bytesOf(OUTPUTS);
    long done = cost.card.requestedBytes();
    assertTrue(done <= 1.1 * asked, () -> done + " bytes asked for, " + asked + " would do");
  }
}
