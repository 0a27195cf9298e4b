package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import org.junit.jupiter.api.Test;

@CudaTest
class CombineCudaCostTest {
  /** Rows are read once; each warp asks for a slot and a weight beside its part of a row. */
  @Test
  void readsOnce(SoftGpu gpu) {
    int tokens = 16;
    int topK = 8;
    int columns = 2048;
    int[] places = new CaseRandom(1).permutation(tokens * topK);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor h = device.allocate(DType.F32, tokens * topK, columns);
        DeviceTensor slots = device.allocate(DType.I32, tokens, topK);
        DeviceTensor weights = device.allocate(DType.F32, tokens, topK);
        DeviceTensor y = device.allocate(DType.F32, tokens, columns);
        Combine plan = device.moe().combine(new CombineSpec(tokens, topK, columns))) {
      device.copy(Tensor.wrap(places, tokens, topK), slots.tensor());
      CostCard cost =
          CostCard.of(
              gpu,
              device,
              () -> plan.run(h.tensor(), slots.tensor(), weights.tensor(), y.tensor()));
      cost.assertCosts("combine", "", h.tensor().bytes() + y.tensor().bytes());
    }
  }
}
