package dev.warpwright.cuda.sparse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.cuda.TensorWork;
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
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Traffic beside the operands in canonical form, and tensor operations. */
@CudaTest
class MatrixProductCudaCostTest {
  private static final int OUTPUTS = 256;
  private static final int INPUTS = 1024;

  private record Cost(CostCard card, String kernel, WeightMatrix w, long operandBytes) {
    void isWithin(String situation) {
      card.assertCosts(kernel, situation, operandBytes);
    }

    void takesTensorInstructions(long expected) {
      assertEquals(expected, card.sum(LaunchReport::tensorInstructions));
    }
  }

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
          plan.spec().kernel().name().toLowerCase(Locale.ROOT),
          matrix,
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
    cost.isWithin("1 row of x");
    cost.takesTensorInstructions(TensorWork.ofTwoRows(cost.w));
  }

  /** Blocks of 128 rows of the matrix share x, and the sums of shares are few. */
  @ParameterizedTest
  @MethodSource("formats")
  void fewRowsReadOnce(WeightFormat format, SoftGpu gpu) {
    for (int rows : new int[] {2, 3, 8}) {
      Cost cost = cost(format, rows, gpu);
      cost.isWithin("2 to 8 rows of x");
      cost.takesTensorInstructions(
          rows <= WorkCut.narrowRows(format)
              ? TensorWork.ofTwoRows(cost.w)
              : TensorWork.ofEightRows(cost.w));
    }
  }

  /** W moves once for 64 rows of x, and x once for 64 rows of W. */
  @ParameterizedTest
  @MethodSource("formats")
  void manyRowsShareTheWeights(WeightFormat format, SoftGpu gpu) {
    boolean four = format.equals(new WeightFormat.Quant(Grouping.w4(128)));
    boolean sparse = format.equals(new WeightFormat.GroupSparse(Grouping.w4(16)));
    for (int rows : four || sparse ? new int[] {64, 256} : new int[] {64}) {
      Cost cost = cost(format, rows, gpu);
      long x = 4L * rows * INPUTS;
      long y = 4L * rows * OUTPUTS;
      long weights = cost.operandBytes - x - y;
      long asked = weights * rows / 64 + x * OUTPUTS / 64 + y;
      cost.isWithin("64 and more rows of x");
      cost.takesTensorInstructions(rows / 8 * TensorWork.ofEightRows(cost.w));
      long done = cost.card.requestedBytes();
      assertTrue(done <= 1.1 * asked, () -> done + " bytes asked for, " + asked + " would do");
    }
  }
}
