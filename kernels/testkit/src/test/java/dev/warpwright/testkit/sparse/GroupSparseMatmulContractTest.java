package dev.warpwright.testkit.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.GroupSparseMatmulContract;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GroupSparseMatmulContractTest extends ContractTest {
  GroupSparseMatmulContractTest() {
    super(new GroupSparseMatmulContract());
  }

  /** Row 0 keeps the short last group, row 1 nothing, row 2 the first and the last group. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void addsKeptGroupsOnly(String provider) {
    byte[] codes = new byte[3 * 8];
    Arrays.fill(codes, 0, 8, (byte) 0x99); // ones
    Arrays.fill(codes, 8, 16, (byte) 0xA8); // zero, two, zero, two …
    Arrays.fill(codes, 16, 24, (byte) 0x77); // minus ones
    Tensor scales = Tensor.wrap(new short[3], DType.F16, 3);
    scales.setFloat(0, 1);
    scales.setFloat(1, 3);
    scales.setFloat(2, 0.5f);
    GroupSparseMatrix w =
        new GroupSparseMatrix(
            36,
            Grouping.w4(16),
            Tensor.wrap(new long[] {0, 1, 1, 3}, 4),
            Tensor.wrap(new short[] {2, 0, 2}, DType.I16, 3),
            Tensor.wrap(codes, DType.U8, 3, 8),
            scales,
            null);
    float[] x = new float[36];
    for (int k = 0; k < 36; k++) {
      x[k] = k;
    }
    // 32 + 33 + 34 + 35; nothing; 3 · 2 · (1 + 3 + … + 15) − 134/2
    assertArrayEquals(
        new float[] {134, 0, 317}, Products.multiply(provider, w, Tensor.wrap(x, 1, 36)));
  }

  /** A matrix that keeps everything is the quantised matrix. */
  @ParameterizedTest
  @ValueSource(ints = {16, 32, 64})
  void keepsAllGroupsOfAQuantisedMatrix(int size) {
    CaseRandom random = new CaseRandom(SEED);
    QuantMatrix dense =
        (QuantMatrix)
            CaseWeights.matrix(random, 19, 201, new WeightFormat.Quant(Grouping.w4(size)));
    Tensor x = Tensor.wrap(random.normals(2 * 201, 1), 2, 201);
    assertArrayEquals(
        Products.multiply("reference", dense, x),
        Products.multiply("reference", GroupSparseMatrix.of(dense), x));
  }

  /** Rows from empty to full, so that units of equal work have very different numbers of rows. */
  @Test
  void cutsUnevenRows() {
    int rows = 1000;
    int groups = 1000;
    long[] rowStart = new long[rows + 1];
    for (int n = 0; n < rows; n++) {
      rowStart[n + 1] = rowStart[n] + (n % 20 == 7 ? groups : n % 3 == 0 ? 1 : 0);
    }
    int kept = (int) rowStart[rows];
    short[] index = new short[kept];
    for (int n = 0; n < rows; n++) {
      for (long t = rowStart[n]; t < rowStart[n + 1]; t++) {
        index[(int) t] = (short) (t - rowStart[n]);
      }
    }
    byte[] codes = new byte[kept * 8];
    Arrays.fill(codes, (byte) 0x99);
    short[] scales = new short[kept];
    Arrays.fill(scales, Float.floatToFloat16(2));
    GroupSparseMatrix w =
        new GroupSparseMatrix(
            groups * 16,
            Grouping.w4(16),
            Tensor.wrap(rowStart, rows + 1),
            Tensor.wrap(index, DType.I16, kept),
            Tensor.wrap(codes, DType.U8, kept, 8),
            Tensor.wrap(scales, DType.F16, kept),
            null);
    float[] x = new float[groups * 16];
    Arrays.fill(x, 1);
    float[] expected = new float[rows];
    for (int n = 0; n < rows; n++) {
      expected[n] = 32 * (rowStart[n + 1] - rowStart[n]);
    }
    assertArrayEquals(expected, Products.multiply("cpu", w, Tensor.wrap(x, 1, x.length)));
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 16, 32, 64, 128})
  void sameBitsForAnyThreadsAndBatch(int size) {
    Products.assertSameBits(new WeightFormat.GroupSparse(Grouping.w4(size)));
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 32})
  void runAllocatesNothing(int size) {
    Products.assertNoAllocation(new WeightFormat.GroupSparse(Grouping.w4(size)));
  }
}
