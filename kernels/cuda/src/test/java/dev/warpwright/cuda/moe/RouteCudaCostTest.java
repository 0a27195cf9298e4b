package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@CudaTest
class RouteCudaCostTest {
  /** Logits are read once; where a token has few experts, a warp takes several tokens. */
  @ParameterizedTest
  @CsvSource({"64, 256, 8", "64, 128, 8", "256, 8, 2"})
  void readsOnce(int tokens, int experts, int topK, SoftGpu gpu) {
    float[] values = new CaseRandom(1).normals(tokens * experts, 1);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor logits = device.allocate(DType.F32, tokens, experts);
        DeviceTensor ids = device.allocate(DType.I32, tokens, topK);
        DeviceTensor weights = device.allocate(DType.F32, tokens, topK);
        Route plan = device.moe().route(RouteSpec.mixtral(tokens, experts, topK))) {
      device.copy(Tensor.wrap(values, tokens, experts), logits.tensor());
      CostCard cost =
          CostCard.of(
              gpu, device, () -> plan.run(logits.tensor(), null, ids.tensor(), weights.tensor()));
      cost.assertCosts(
          "route", "", logits.tensor().bytes() + ids.tensor().bytes() + weights.tensor().bytes());
    }
  }
}
