package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@CudaTest
class RmsNormCudaCostTest {
  /** Every row is read once, from registers the second time; each asks for the weights anew. */
  @ParameterizedTest
  @CsvSource({"64, 4096", "128, 128", "16, 16384"})
  void readsOnce(int rows, int columns, SoftGpu gpu) {
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor x = device.allocate(DType.F32, rows, columns);
        DeviceTensor weight = device.allocate(DType.F32, columns);
        DeviceTensor y = device.allocate(DType.F32, rows, columns);
        RmsNorm plan = device.attention().rmsNorm(new RmsNormSpec(rows, columns, 1))) {
      float[] values = new CaseRandom(1).normals(rows * columns, 1);
      device.copy(Tensor.wrap(values, rows, columns), x.tensor());
      CostCard cost =
          CostCard.of(gpu, device, () -> plan.run(x.tensor(), weight.tensor(), y.tensor()));
      cost.assertCosts(
          "rms_norm", "", x.tensor().bytes() + weight.tensor().bytes() + y.tensor().bytes());
    }
  }
}
