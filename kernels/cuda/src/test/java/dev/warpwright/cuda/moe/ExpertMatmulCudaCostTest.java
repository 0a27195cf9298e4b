package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
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
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import dev.warpwright.testkit.ContractTest;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@CudaTest
class ExpertMatmulCudaCostTest {
  private static final int EXPERTS = 2;
  private static final int OUTPUTS = 64;
  private static final int INPUTS = 1024;

  static Stream<WeightFormat> formats() {
    return Stream.of(
        new WeightFormat.Dense(DType.F32),
        new WeightFormat.Dense(DType.F16),
        new WeightFormat.Quant(Grouping.w4(32)),
        new WeightFormat.Quant(new Grouping(8, 64, true)),
        new WeightFormat.GroupSparse(Grouping.w4(32)));
  }

  /** In a decoding step each expert has a slot: weights are what moves, and they move once. */
  @ParameterizedTest
  @MethodSource("formats")
  void readsWeightsOnce(WeightFormat format, SoftGpu gpu) {
    CaseRandom random = new CaseRandom(1);
    List<WeightMatrix> gate = new ArrayList<>();
    List<WeightMatrix> up = new ArrayList<>();
    for (int e = 0; e < EXPERTS; e++) {
      gate.add(CaseWeights.matrix(random, OUTPUTS, INPUTS, format));
      up.add(CaseWeights.matrix(random, OUTPUTS, INPUTS, format));
    }
    ExpertWeights weights = ExpertWeights.gated(gate, up);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        PreparedExperts experts = device.moe().prepare(weights);
        DeviceTensor offsets = device.allocate(DType.I32, EXPERTS + 1);
        DeviceTensor x = device.allocate(DType.F32, EXPERTS, INPUTS);
        DeviceTensor y = device.allocate(DType.F32, EXPERTS, OUTPUTS);
        ExpertMatmul plan =
            device
                .moe()
                .expertMatmul(ExpertMatmulSpec.of(EXPERTS, weights, Activation.SWIGLU, 0))) {
      device.copy(Tensor.wrap(new int[] {0, 1, 2}, EXPERTS + 1), offsets.tensor());
      CostCard cost =
          CostCard.of(
              gpu, device, () -> plan.run(experts, offsets.tensor(), null, x.tensor(), y.tensor()));
      cost.assertCosts(
          "expert_matmul",
          "1 slot an expert",
          experts.bytes() + x.tensor().bytes() + y.tensor().bytes());
    }
  }
}
