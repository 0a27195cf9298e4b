package dev.warpwright.cuda.sparse;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.sim.LaunchReport;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import dev.warpwright.testkit.ContractTest;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Traffic and tensor operations against those of the operands in canonical form. */
@CudaTest
class MatrixProductCudaCostTest {
  private static final int OUTPUTS = 256;
  private static final int INPUTS = 2048;

  static Stream<WeightFormat> formats() {
    return Stream.of(
        new WeightFormat.Dense(DType.F32),
        new WeightFormat.Dense(DType.F16),
        new WeightFormat.Dense(DType.BF16),
        new WeightFormat.Quant(Grouping.w4(32)),
        new WeightFormat.Quant(Grouping.w4(128)),
        new WeightFormat.Quant(new Grouping(8, 128, true)),
        new WeightFormat.Quant(new Grouping(2, 16, false)),
        new WeightFormat.GroupSparse(Grouping.w4(16)),
        new WeightFormat.GroupSparse(Grouping.w4(32)),
        new WeightFormat.GroupSparse(new Grouping(4, 32, false)));
  }

  private static CostCard cost(WeightFormat format, int rows, SoftGpu gpu, long[] operands) {
    CaseRandom random = new CaseRandom(3);
    WeightMatrix matrix = CaseWeights.matrix(random, OUTPUTS, INPUTS, format);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        PreparedMatrix w = device.sparse().prepare(matrix);
        DeviceTensor x = device.allocate(DType.F32, rows, INPUTS);
        DeviceTensor y = device.allocate(DType.F32, rows, OUTPUTS);
        MatrixProduct plan =
            device.sparse().product(MatrixProductSpec.of(rows, matrix))) {
      float[] values = random.normals(rows * INPUTS, 1);
      device.copy(Tensor.wrap(values, rows, INPUTS), x.tensor());
      operands[0] = matrix.bytes() + x.tensor().bytes() + y.tensor().bytes();
      operands[1] = w.bytes();
      return CostCard.of(gpu, device, () -> plan.run(w, x.tensor(), y.tensor()));
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void oneRow(WeightFormat format, SoftGpu gpu) {
    long[] operands = new long[2];
    CostCard cost = cost(format, 1, gpu, operands);
    for (int rows : new int[] {1, 8, 16}) {
     if (rows > 1) cost = cost(format, rows, gpu, operands);
    System.out.printf("%s M=%d unique %.3f requested %.3f stream/canon %.3f wavefr %d conflicts %d width %.1f tensor %d instr %d%n", format, rows,
      (double) cost.uniqueBytes() / operands[0], (double) cost.requestedBytes() / operands[0], (double) operands[1]/operands[0], cost.sum(LaunchReport::sharedWavefronts), cost.sum(LaunchReport::bankConflicts), cost.sectorsPerAccess(), cost.sum(LaunchReport::tensorInstructions), cost.sum(LaunchReport::warpInstructions));
    }
  }
}
