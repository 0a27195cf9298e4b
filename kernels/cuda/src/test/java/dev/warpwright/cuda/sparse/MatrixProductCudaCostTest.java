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
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Traffic beside the operands in canonical form, and tensor operations. */
@CudaTest
class MatrixProductCudaCostTest {
  private static final int OUTPUTS = 256;
  private static final int INPUTS = 1024;

  private record Cost(CostCard card, long operandBytes) {}

  private static Cost cost(WeightFormat format, int rows, SoftGpu gpu) {
    CaseRandom random = new CaseRandom(3);
    WeightMatrix matrix = CaseWeights.matrix(random, OUTPUTS, INPUTS, format);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        PreparedMatrix w = device.sparse().prepare(matrix);
        DeviceTensor x = device.allocate(DType.F32, rows, INPUTS);
        DeviceTensor y = device.allocate(DType.F32, rows, OUTPUTS);
        MatrixProduct plan = device.sparse().product(MatrixProductSpec.of(rows, matrix))) {
      float[] values = random.normals(rows * INPUTS, 1);
      device.copy(Tensor.wrap(values, rows, INPUTS), x.tensor());
      return new Cost(
          CostCard.of(gpu, device, () -> plan.run(w, x.tensor(), y.tensor())),
          matrix.bytes() + x.tensor().bytes() + y.tensor().bytes());
    }
  }

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

  /** The weights are read once; every block of 32 rows asks for x anew. */
  @ParameterizedTest
  @MethodSource("formats")
  void oneRowReadsOnce(WeightFormat format, SoftGpu gpu) {
    Cost cost = cost(format, 1, gpu);
    cost.card.assertTraffic(cost.operandBytes, 1.6);
  }

  /**
   * With eight rows the sums of slices, and x for every block of 32 rows of the matrix, weigh more
   * than they should.
   */
  @ParameterizedTest
  @MethodSource("formats")
  void eightRowsReadSomewhatMore(WeightFormat format, SoftGpu gpu) {
    Cost cost = cost(format, 8, gpu);
    cost.card.assertTraffic(cost.operandBytes, 1.3, 3.4);
  }

  static Stream<Arguments> pieces() {
    return Stream.of(
        Arguments.of(new WeightFormat.Dense(DType.F32), 3),
        Arguments.of(new WeightFormat.Dense(DType.F16), 2),
        Arguments.of(new WeightFormat.Dense(DType.BF16), 1),
        Arguments.of(new WeightFormat.Quant(Grouping.w4(32)), 1),
        Arguments.of(new WeightFormat.Quant(new Grouping(8, 128, true)), 1));
  }

  /** Eight rows of x are three pieces; loads of weights and of x fill 16 bytes a lane. */
  @ParameterizedTest
  @MethodSource("pieces")
  void eightRowsShareTheWeights(WeightFormat format, int pieces, SoftGpu gpu) {
    CostCard card = cost(format, 8, gpu).card;
    assertEquals(
        3L * pieces * OUTPUTS / 16 * INPUTS / 16, card.sum(LaunchReport::tensorInstructions));
    card.assertWide(8);
  }
}
