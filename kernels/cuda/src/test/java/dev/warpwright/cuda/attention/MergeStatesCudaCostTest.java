package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@CudaTest
class MergeStatesCudaCostTest {
  /**
   * Every state is read once; the log-sum-exp of a head is asked for twice by each of its warps.
   */
  @ParameterizedTest
  @CsvSource({"2, 64, 32, 128", "8, 16, 32, 64", "3, 32, 8, 256"})
  void readsOnce(int states, int tokens, int heads, int headDim, SoftGpu gpu) {
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor outs = device.allocate(DType.F32, states, tokens, heads, headDim);
        DeviceTensor lses = device.allocate(DType.F32, states, tokens, heads);
        DeviceTensor out = device.allocate(DType.F32, tokens, heads, headDim);
        DeviceTensor lse = device.allocate(DType.F32, tokens, heads);
        MergeStates plan =
            device.attention().mergeStates(new MergeStatesSpec(states, tokens, heads, headDim))) {
      CaseRandom random = new CaseRandom(1);
      int all = states * tokens * heads;
      device.copy(
          Tensor.wrap(random.normals(all * headDim, 1), states, tokens, heads, headDim),
          outs.tensor());
      device.copy(Tensor.wrap(random.normals(all, 1), states, tokens, heads), lses.tensor());
      CostCard cost =
          CostCard.of(
              gpu,
              device,
              () -> plan.run(outs.tensor(), lses.tensor(), out.tensor(), lse.tensor()));
      cost.assertCosts(
          "merge_states",
          "",
          outs.tensor().bytes()
              + lses.tensor().bytes()
              + out.tensor().bytes()
              + lse.tensor().bytes());
    }
  }
}
