package dev.warpwright.testkit.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.QuantMatmulContract;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

  /** Each row of W is one 1 among zeros: no bit of x may be lost, and no column mistaken. */
  @ParameterizedTest
  @CsvSource({"reference,8", "cpu,8", "cpu,16", "cpu,32", "reference,128", "cpu,128"})
  void everyBitOfXCounts(String provider, int size) {
    int columns = 256;
    int groups = columns / size;
    byte[] codes = new byte[columns * columns / 2];
    Arrays.fill(codes, (byte) 0x88);
    for (int n = 0; n < columns; n++) {
      codes[(n * columns + n) / 2] = (byte) (n % 2 == 0 ? 0x89 : 0x98);
    }
    short[] scales = new short[columns * groups];
    Arrays.fill(scales, Float.floatToFloat16(1));
    QuantMatrix w =
        new QuantMatrix(
            columns,
            Grouping.w4(size),
            Tensor.wrap(codes, DType.U8, columns, groups, size / 2),
            Tensor.wrap(scales, DType.F16, columns, groups),
            null);
    CaseRandom random = new CaseRandom(SEED);
    float[] x = new float[columns];
    for (int k = 0; k < columns; k++) {
      float fraction = random.between(0, (1 << 23) - 1) * 0x1p-23f;
      x[k] = (1 + fraction) * (random.chance(0.5) ? 1 : -1);
    }
    Tensor input = Tensor.wrap(x, 1, columns);
    assertArrayEquals(x, Products.multiply(provider, w, input));
    assertArrayEquals(x, Products.multiply(provider, GroupSparseMatrix.of(w), input));
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

  /** Scale 2 from ±254; 1.5 codes up to 2, 2.5 down to 2, the small one is lost. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void roundsActivationsToTheNearestEvenCode(String provider) {
    byte[] ones = new byte[2 * 4];
    Arrays.fill(ones, (byte) 0x99);
    Tensor scales = Tensor.wrap(new short[2], DType.F16, 1, 2);
    scales.setFloat(0, 1);
    scales.setFloat(1, 0.5f);
    QuantMatrix w =
        new QuantMatrix(16, Grouping.w4(8), Tensor.wrap(ones, DType.U8, 1, 2, 4), scales, null);
    float[] x = new float[2 * 16];
    x[0] = -254;
    x[1] = 3;
    x[2] = 5;
    x[3] = 0.9f;
    x[8] = 254;
    x[15] = 7;
    x[16 + 9] = Float.NaN;
    // −254 + 4 + 4 + 0, and half of 254 + 8
    assertArrayEquals(
        new float[] {-115, Float.NaN},
        Products.multiply(provider, w, Activations.I8, Tensor.wrap(x, 2, 16)));
  }

  /**
   * Of the largest weights and activations, 32 products just fit 16 bits; a whole group does not.
   */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void sumsTheLargestCodesExactly(String provider) {
    Tensor scales = Tensor.wrap(new short[1], DType.F16, 1, 1);
    scales.setFloat(0, 1);
    QuantMatrix w =
        new QuantMatrix(
            128, Grouping.w4(128), Tensor.wrap(new byte[64], DType.U8, 1, 1, 64), scales, null);
    float[] x = new float[2 * 128];
    Arrays.fill(x, 0, 128, 127);
    Arrays.fill(x, 128, 256, -127);
    assertArrayEquals(
        new float[] {-8 * 127 * 128, 8 * 127 * 128},
        Products.multiply(provider, w, Activations.I8, Tensor.wrap(x, 2, 128)));
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 32, 128})
  void roundedActivationsGiveTheSameBitsAndAllocateNothing(int size) {
    WeightFormat format = new WeightFormat.Quant(Grouping.w4(size));
    Products.assertSameBits(format, Activations.I8);
    Products.assertNoAllocation(format, Activations.I8);
  }

  @Test
  void roundsActivationsForSymmetricFourBitsOnly() {
    MatrixProductSpec spec =
        new MatrixProductSpec(1, 1, 1, new WeightFormat.Quant(new Grouping(4, 32, false)));
    assertThrows(InvalidArgumentException.class, () -> spec.withActivations(Activations.I8));
  }
}
