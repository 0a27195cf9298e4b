package dev.warpwright.testkit.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.Refusals;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@SuppressWarnings("NullAway") // nulls are passed to see them refused
class FormatsTest {
  private static final Grouping G8 = Grouping.w4(8);
  private final Refusals refusals = new Refusals();

  /** 7 is the largest code above zero: the scale of a group is its largest magnitude / 7. */
  @Test
  void quantisesToTheNearestStep() {
    float[] row = {7, -7, 3.4f, -3.6f, 0.5f, 1.5f, 0, -0.4f, 14, -14};
    QuantMatrix w = QuantMatrix.quantise(new DenseMatrix(Tensor.wrap(row, 1, 10)), G8);
    assertEquals(1, w.scales().getFloat(0));
    assertEquals(2, w.scales().getFloat(1));
    float[] decoded = new float[10];
    w.decodeRow(0, decoded);
    // Halves go to the even step.
    assertArrayEquals(new float[] {7, -7, 3, -4, 0, 2, 0, 0, 14, -14}, decoded, 0f);
  }

  @Test
  void quantisesZerosAndVanishingGroupsToZero() {
    float[] row = {0, 0, 0, 0, 0, 0, 0, 0, 1e-9f, -1e-9f};
    QuantMatrix w = QuantMatrix.quantise(new DenseMatrix(Tensor.wrap(row, 1, 10)), G8);
    float[] decoded = new float[10];
    w.decodeRow(0, decoded);
    assertArrayEquals(new float[10], decoded, 0f);
  }

  @ParameterizedTest
  @CsvSource({"8, 32", "4, 8", "4, 128", "2, 16"})
  void quantisationErrsByHalfAStepAtMost(int bits, int size) {
    Grouping grouping = new Grouping(bits, size, true);
    float[] values = new CaseRandom(bits + size).normals(5 * 333, 1);
    QuantMatrix w = QuantMatrix.quantise(new DenseMatrix(Tensor.wrap(values, 5, 333)), grouping);
    float[] row = new float[333];
    for (int n = 0; n < 5; n++) {
      w.decodeRow(n, row);
      for (int k = 0; k < 333; k++) {
        float scale = w.scales().getFloat((long) n * grouping.groups(333) + k / size);
        // The scale itself is rounded to F16 (2^-11): its largest multiple may miss by that much.
        double allowed = 0.5 * scale + grouping.zero() * scale * 0x1p-11;
        assertEquals(values[n * 333 + k], row[k], allowed, "row " + n + " column " + k);
      }
    }
  }

  @Test
  void refusesToQuantiseWhatIsNotANumber() {
    DenseMatrix dense = new DenseMatrix(Tensor.wrap(new float[] {1, Float.NaN}, 1, 2));
    refusals.assertRefused(
        "weight", "NaN", "a finite number", () -> QuantMatrix.quantise(dense, G8));
    refusals.assertRefused(
        "grouping.symmetric",
        "false",
        "true",
        () -> QuantMatrix.quantise(dense, new Grouping(4, 8, false)));
  }

  @Test
  void decodesZeroPoints() {
    Grouping grouping = new Grouping(8, 8, false);
    byte[] codes = {0, 1, 2, 3, (byte) 255, (byte) 254, 100, 50};
    Tensor scales = Tensor.wrap(new short[] {Float.floatToFloat16(0.5f)}, DType.F16, 1, 1);
    QuantMatrix w =
        new QuantMatrix(
            8,
            grouping,
            Tensor.wrap(codes, DType.U8, 1, 1, 8),
            scales,
            Tensor.wrap(new byte[] {(byte) 200}, DType.U8, 1, 1));
    float[] row = new float[8];
    w.decodeRow(0, row);
    assertArrayEquals(new float[] {-100, -99.5f, -99, -98.5f, 27.5f, 27, -50, -75}, row, 0f);
  }

  @Test
  void refusesMalformedQuantMatrices() {
    Tensor codes = Tensor.wrap(new byte[16], DType.U8, 2, 2, 4);
    Tensor scales = Tensor.wrap(new short[4], DType.F16, 2, 2);
    Tensor zeros = Tensor.wrap(new byte[4], DType.U8, 2, 2);
    Grouping asymmetric = new Grouping(4, 8, false);
    refused("columns", "0", "1..2147483391", () -> new QuantMatrix(0, G8, codes, scales, null));
    refused("grouping", "null", "not null", () -> new QuantMatrix(9, null, codes, scales, null));
    refused("scales.shape", "[2, 2]", "[2, 1]", () -> new QuantMatrix(8, G8, codes, scales, null));
    refused(
        "codes.shape",
        "[2, 2, 4]",
        "[2, 2, 8]",
        () -> new QuantMatrix(17, Grouping.w4(16), codes, scales, null));
    refused(
        "zeros",
        "present",
        "null for a symmetric grouping",
        () -> new QuantMatrix(9, G8, codes, scales, zeros));
    refused("zeros", "null", "not null", () -> new QuantMatrix(9, asymmetric, codes, scales, null));
    Tensor infinite = Tensor.wrap(new short[] {0, 0, 0x7C00, 0}, DType.F16, 2, 2);
    refused(
        "scales[2]",
        "Infinity",
        "a finite number",
        () -> new QuantMatrix(9, G8, codes, infinite, null));
  }

  @Test
  void refusesMalformedGroupings() {
    refused("bits", "3", "8, 4 or 2", () -> new Grouping(3, 32, true));
    refused("size", "24", "8, 16, 32, 64 or 128", () -> new Grouping(4, 24, true));
    refused("size", "256", "8, 16, 32, 64 or 128", () -> new Grouping(4, 256, true));
    refused("size", "4", "8, 16, 32, 64 or 128", () -> new Grouping(4, 4, true));
  }

  @Test
  void refusesMalformedRowStarts() {
    refused("rowStart", "null", "not null", () -> sparse(null, index(0), scales(1)));
    refused(
        "rowStart.shape[0]", "1", "2..2147483647", () -> sparse(starts(0), index(0), scales(1)));
    refused("rowStart[0]", "1", "0", () -> sparse(starts(1, 1), index(0), scales(1)));
    refused("rowStart[2]", "0", "1..1", () -> sparse(starts(0, 1, 0), index(0), scales(1)));
    refused("rowStart[1]", "2", "0..1", () -> sparse(starts(0, 2), index(0), scales(1)));
    refused(
        "rowStart[rows]",
        "1",
        "the number of kept groups, 2",
        () -> sparse(starts(0, 1), index(0, 1), scales(2)));
    Tensor ints = Tensor.wrap(new int[] {0, 1}, 2);
    refused("rowStart.dtype", "I32", "I64", () -> sparse(ints, index(0), scales(1)));
  }

  @Test
  void refusesMalformedGroupIndices() {
    refused("groupIndex", "null", "not null", () -> sparse(starts(0, 1), null, scales(1)));
    refused("groupIndex[0]", "3", "0..2", () -> sparse(starts(0, 1), index(3), scales(1)));
    refused("groupIndex[1]", "1", "2..2", () -> sparse(starts(0, 2), index(1, 1), scales(2)));
    refused("groupIndex[1]", "0", "2..2", () -> sparse(starts(0, 2), index(1, 0), scales(2)));
    refused("groupIndex[0]", "65535", "0..2", () -> sparse(starts(0, 1), index(65535), scales(1)));
    refused("groupIndex.shape", "[2]", "[1]", () -> sparse(starts(0, 1), index(0, 1), scales(1)));
    // A new row begins anew.
    assertEquals(2, sparse(starts(0, 1, 2), index(1, 0), scales(2)).rows());
  }

  @Test
  void refusesMalformedGroups() {
    Tensor codes = Tensor.wrap(new byte[3], DType.U8, 1, 3);
    Tensor zeros = Tensor.wrap(new byte[1], DType.U8, 1);
    Grouping asymmetric = new Grouping(4, 8, false);
    refused(
        "codes.shape",
        "[1, 3]",
        "[1, 4]",
        () -> new GroupSparseMatrix(20, G8, starts(0, 1), index(0), codes, scales(1), null));
    refused(
        "zeros",
        "present",
        "null for a symmetric grouping",
        () -> new GroupSparseMatrix(20, G8, starts(0, 1), index(0), codes(1), scales(1), zeros));
    refused(
        "zeros",
        "null",
        "not null",
        () ->
            new GroupSparseMatrix(
                20, asymmetric, starts(0, 1), index(0), codes(1), scales(1), null));
    refused(
        "columns/size",
        "65537",
        "1..65536",
        () ->
            new GroupSparseMatrix(
                65536 * 8 + 1, G8, starts(0, 1), index(0), codes(1), scales(1), null));
    Tensor nan = Tensor.wrap(new short[] {0x7E00}, DType.F16, 1);
    refused("scales[0]", "NaN", "a finite number", () -> sparse(starts(0, 1), index(0), nan));
  }

  @Test
  void decodesLeftOutGroupsAsZeros() {
    GroupSparseMatrix w = sparse(starts(0, 0, 2), index(0, 2), scales(2));
    float[] row = new float[20];
    row[3] = Float.NaN;
    w.decodeRow(0, row);
    assertArrayEquals(new float[20], row);
    w.decodeRow(1, row);
    for (int k = 0; k < 20; k++) {
      assertEquals(k / 8 == 1 ? 0 : -7.5f, row[k], "column " + k);
    }
    assertTrue(w.bytes() == 3 * 8 + 2 * (2 + 2 + 4), "bytes " + w.bytes());
  }

  /** Twenty columns; codes 0 and 1 alternate, which are −8 and −7. */
  private static GroupSparseMatrix sparse(Tensor rowStart, Tensor groupIndex, Tensor scales) {
    return new GroupSparseMatrix(
        20, G8, rowStart, groupIndex, codes((int) scales.elements()), scales, null);
  }

  private static Tensor codes(int kept) {
    byte[] codes = new byte[4 * kept];
    java.util.Arrays.fill(codes, (byte) 0x33);
    return Tensor.wrap(codes, DType.U8, kept, 4);
  }

  private static Tensor starts(long... starts) {
    return Tensor.wrap(starts, starts.length);
  }

  private static Tensor index(int... groups) {
    short[] index = new short[groups.length];
    for (int t = 0; t < index.length; t++) {
      index[t] = (short) groups[t];
    }
    return Tensor.wrap(index, DType.I16, index.length);
  }

  private static Tensor scales(int kept) {
    short[] scales = new short[kept];
    java.util.Arrays.fill(scales, Float.floatToFloat16(1.5f));
    return Tensor.wrap(scales, DType.F16, kept);
  }

  private void refused(
      String argument,
      String value,
      String allowed,
      org.junit.jupiter.api.function.Executable call) {
    refusals.assertRefused(argument, value, allowed, call);
  }
}
