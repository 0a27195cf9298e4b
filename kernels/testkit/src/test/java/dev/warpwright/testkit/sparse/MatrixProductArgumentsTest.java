package dev.warpwright.testkit.sparse;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // some resources are closed early, on purpose
class MatrixProductArgumentsTest {
  private final Tensor x = Refusals.floats(2, 8);
  private final Tensor y = Refusals.floats(2, 3);
  private final DenseMatrix matrix = new DenseMatrix(Refusals.floats(3, 8));
  private final Refusals refusals = new Refusals(x, y, matrix.weights());

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusesTensors(String provider) {
    try (KernelDevice device = ContractTest.open(provider, 1);
        PreparedMatrix w = device.sparse().prepare(matrix);
        MatrixProduct product = device.sparse().product(MatrixProductSpec.of(2, matrix))) {
      Tensor tall = Refusals.floats(3, 8);
      refusals.assertRefused("x.rank", "1", "2", () -> product.run(w, x.reshape(16), y));
      refusals.assertRefused("x.shape[0]", "3", "0..2", () -> product.run(w, tall, y));
      refusals.assertRefused(
          "x.shape", "[2, 4]", "[2, 8]", () -> product.run(w, tall.reshape(6, 4).slice(0, 2), y));
      refusals.assertRefused(
          "y.shape", "[3, 2]", "[2, 3]", () -> product.run(w, x, y.reshape(3, 2)));
      refusals.assertRefused(
          "x.dtype",
          "F16",
          "F32",
          () -> product.run(w, Tensor.wrap(new short[16], DType.F16, 2, 8), y));
      refusals.assertRefused(
          "y",
          "memory shared with x",
          "memory disjoint from x",
          () -> product.run(w, x, x.reshape(16).slice(0, 6).reshape(2, 3)));
      refusals.assertRefused(
          "y",
          "read-only memory",
          "writable memory",
          () -> product.run(w, x, Tensor.wrap(y.segment().asReadOnly(), DType.F32, 2, 3)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusesWeights(String provider) {
    QuantMatrix other = QuantMatrix.quantise(matrix, Grouping.w4(8));
    DenseMatrix wide = new DenseMatrix(Refusals.floats(2, 9));
    try (KernelDevice device = ContractTest.open(provider, 1);
        KernelDevice stranger = ContractTest.open("reference", 1);
        PreparedMatrix strange = stranger.sparse().prepare(matrix);
        PreparedMatrix quantised = device.sparse().prepare(other);
        PreparedMatrix wider = device.sparse().prepare(wide);
        PreparedMatrix closed = device.sparse().prepare(matrix);
        MatrixProduct product = device.sparse().product(MatrixProductSpec.of(2, matrix))) {
      closed.close();
      refusals.assertRefused("w", "closed", "open weights", () -> product.run(closed, x, y));
      refusals.assertRefused(
          "w.device",
          "reference:0",
          "the plan's own " + device.place(),
          () -> product.run(strange, x, y));
      refusals.assertRefused("w.shape", "[2, 9]", "[3, 8]", () -> product.run(wider, x, y));
      refusals.assertRefused(
          "w.format",
          other.format().toString(),
          matrix.format().toString(),
          () -> product.run(quantised, x, y));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusesUseAfterClose(String provider) {
    try (KernelDevice device = ContractTest.open(provider, 1);
        PreparedMatrix w = device.sparse().prepare(matrix);
        MatrixProduct product = device.sparse().product(MatrixProductSpec.of(2, matrix))) {
      product.close();
      refusals.assertIllegalState("plan matmul is closed", () -> product.run(w, x, y));
      device.close();
      refusals.assertIllegalState(
          "device " + device.place() + " is closed", () -> device.sparse().prepare(matrix));
    }
  }
}
