package dev.warpwright.cuda.moe;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.sim.LaunchReport;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import org.junit.jupiter.api.Test;

@CudaTest
class DispatchCudaCostTest {
  /**
   * Choices are read twice, once to count and once to place, and slots of different experts lie
   * apart: a store of {@code order} asks for a sector a choice. Both stay in the second-level
   * cache.
   */
  @Test
  void readsTwice(SoftGpu gpu) {
    int tokens = 1024;
    int topK = 8;
    int experts = 64;
    int[] choices = new int[tokens * topK];
    CaseRandom random = new CaseRandom(1);
    for (int f = 0; f < choices.length; f++) {
      choices[f] = random.between(0, experts - 1);
    }
    DispatchSpec spec = DispatchSpec.of(tokens, topK, experts);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor ids = device.allocate(DType.I32, tokens, topK);
        DeviceTensor offsets = device.allocate(DType.I32, experts + 1);
        DeviceTensor order = device.allocate(DType.I32, spec.slots(tokens));
        DeviceTensor slots = device.allocate(DType.I32, tokens, topK);
        Dispatch plan = device.moe().dispatch(spec)) {
      device.copy(Tensor.wrap(choices, tokens, topK), ids.tensor());
      CostCard cost =
          CostCard.of(
              gpu,
              device,
              () -> plan.run(ids.tensor(), offsets.tensor(), order.tensor(), slots.tensor()));
      long operands = 3 * ids.tensor().bytes() + offsets.tensor().bytes();
      cost.assertCosts("dispatch", "", operands);
      assertEquals(0, cost.sum(LaunchReport::globalAtomics));
    }
  }
}
