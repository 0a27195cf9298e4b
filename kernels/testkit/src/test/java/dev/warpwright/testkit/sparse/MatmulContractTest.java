package dev.warpwright.testkit.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.MatmulContract;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class MatmulContractTest extends ContractTest {
  MatmulContractTest() {
    super(new MatmulContract());
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void multipliesByTheTranspose(String provider) {
    DenseMatrix w = new DenseMatrix(Tensor.wrap(new float[] {1, 2, 3, 0, -1, 0.5f}, 2, 3));
    Tensor x = Tensor.wrap(new float[] {1, 10, 100, 2, 0, -2}, 2, 3);
    assertArrayEquals(new float[] {321, 40, -4, -1}, Products.multiply(provider, w, x));
  }

  /** The largest, the smallest normal and the smallest F16 number, and zeros of both signs. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void widensF16Exactly(String provider) {
    short[] bits = {0x7BFF, (short) 0xFBFF, 0x0400, 0x0001, (short) 0x8001, 0, (short) 0x8000};
    DenseMatrix w = new DenseMatrix(Tensor.wrap(bits, DType.F16, bits.length, 1));
    float[] expected = {65504, -65504, 0x1p-14f, 0x1p-24f, -0x1p-24f, 0, 0};
    Tensor x = Tensor.wrap(new float[] {1}, 1, 1);
    assertArrayEquals(expected, Products.multiply(provider, w, x), 0f);
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void notFiniteWeightsReachTheirOwnRowOnly(DType dtype) {
    Tensor weights =
        Tensor.wrap(
            java.lang.foreign.MemorySegment.ofArray(new byte[3 * dtype.bytes()]), dtype, 3, 1);
    weights.setFloat(0, Float.NaN);
    weights.setFloat(1, 2);
    weights.setFloat(2, Float.NEGATIVE_INFINITY);
    Tensor x = Tensor.wrap(new float[] {3}, 1, 1);
    assertArrayEquals(
        new float[] {Float.NaN, 6, Float.NEGATIVE_INFINITY},
        Products.multiply("cpu", new DenseMatrix(weights), x));
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void sameBitsForAnyThreadsAndBatch(DType dtype) {
    Products.assertSameBits(new WeightFormat.Dense(dtype));
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void runAllocatesNothing(DType dtype) {
    Products.assertNoAllocation(new WeightFormat.Dense(dtype));
  }
}
