package dev.warpwright.testkit.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.QuantMatmulContract;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuantMatmulContractTest extends ContractTest {
  QuantMatmulContractTest() {
    super(new QuantMatmulContract());
  }

  /** Ten columns: the second group has two weights, and codes behind them that mean nothing. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void scalesTheSumOfEachGroup(String provider) {
    byte[] codes = {
      // weights −8 … −1 times 1/2, then 7 and −8 times 4
      0x10,
      0x32,
      0x54,
      0x76,
      0x0F,
      (byte) 0xFF,
      (byte) 0xFF,
      (byte) 0xFF,
      // all zero times 1, then 1 and 2 times −1/4
      (byte) 0x88,
      (byte) 0x88,
      (byte) 0x88,
      (byte) 0x88,
      (byte) 0xA9,
      0x00,
      0x00,
      0x00
    };
    Tensor scales = Tensor.wrap(new short[4], DType.F16, 2, 2);
    float[] values = {0.5f, 4, 1, -0.25f};
    for (int i = 0; i < 4; i++) {
      scales.setFloat(i, values[i]);
    }
    QuantMatrix w =
        new QuantMatrix(10, Grouping.w4(8), Tensor.wrap(codes, DType.U8, 2, 2, 4), scales, null);
    Tensor x =
        Tensor.wrap(
            new float[] {
              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, //
              2, 0, 0, 0, 0, 0, 0, 0, 10, 1
            },
            2,
            10);
    // −36/2 + (7 − 8)·4; −(1 + 2)/4; 2·(−4) + 280 − 32; −(10 + 2)/4
    assertArrayEquals(new float[] {-22, -0.75f, 240, -3}, Products.multiply(provider, w, x));
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 16, 32, 64, 128})
  void sameBitsForAnyThreadsAndBatch(int size) {
    Products.assertSameBits(new WeightFormat.Quant(Grouping.w4(size)));
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 32, 128})
  void runAllocatesNothing(int size) {
    Products.assertNoAllocation(new WeightFormat.Quant(Grouping.w4(size)));
  }
}
