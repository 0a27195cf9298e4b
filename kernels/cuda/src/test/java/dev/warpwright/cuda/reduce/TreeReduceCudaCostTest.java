package dev.warpwright.cuda.reduce;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Determinism;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Operation;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.ContractTest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@CudaTest
class TreeReduceCudaCostTest {
  /** Every row is read once, with 16 bytes a lane; the tables of rows are small beside that. */
  @ParameterizedTest
  @CsvSource({"F32, 64, 16384", "F16, 32, 16384", "BF16, 100, 8192"})
  void readsOnce(DType type, int slots, int columns, SoftGpu gpu) {
    TreeReduceSpec spec =
        new TreeReduceSpec(slots, columns, type, Operation.WEIGHTED_MEAN, Determinism.CANONICAL);
    float[] weights = new float[slots];
    Arrays.fill(weights, 1);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor matrix = device.allocate(type, slots, columns);
        DeviceTensor out = device.allocate(DType.F32, columns);
        TreeReduce plan = device.reduce().treeReduce(spec)) {
      List<Tensor> rows = new ArrayList<>();
      for (int slot = 0; slot < slots; slot++) {
        rows.add(matrix.tensor().row(slot));
      }
      CostCard cost = CostCard.of(gpu, device, () -> plan.run(rows, weights, out.tensor()));
      cost.assertCosts("tree_reduce", "", matrix.tensor().bytes() + out.tensor().bytes());
    }
  }
}
