package dev.warpwright.cuda.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CudaProvider;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the contract's cases cannot see. */
@CudaTest
class MatrixProductCudaTest {
  private static KernelDevice open(int ordinal) {
    return new CudaProvider().open(OpenOptions.defaults().withOrdinal(ordinal));
  }

  /** The result of the second run, which finds the workspace as one with zeros left it. */
  private static float[] multiply(KernelDevice device, WeightMatrix w, Tensor x) {
    int rows = (int) x.size(0);
    float[] y = new float[rows * w.rows()];
    try (PreparedMatrix prepared = device.sparse().prepare(w);
        MatrixProduct product = device.sparse().product(MatrixProductSpec.of(rows, w))) {
      Tensor zeros = Tensor.wrap(new float[rows * w.columns()], rows, w.columns());
      product.run(prepared, zeros, Tensor.wrap(y, rows, w.rows()));
      product.run(prepared, x, Tensor.wrap(y, rows, w.rows()));
    }
    return y;
  }

  /** Every kernel, cut and whole, and another device: the same bits for a row. */
  @Test
  @SoftGpuTest(devices = {"H100", "A100"})
  void sameBitsForAnyBatchAndDevice() {
    try (KernelDevice device = open(0);
        KernelDevice other = open(1)) {
      MatrixProductCudaCostTest.formats().forEach(format -> assertSameBits(format, device, other));
    }
  }

  private static void assertSameBits(WeightFormat format, KernelDevice device, KernelDevice other) {
    CaseRandom random = new CaseRandom(format.toString().hashCode());
    WeightMatrix w = CaseWeights.matrix(random, 40, 909, format);
    Tensor x = Tensor.wrap(random.normals(34 * 909, 1), 34, 909);
    float[] all = multiply(device, w, x);
    for (int rows : new int[] {1, 2, 3, 9}) {
      float[] some = multiply(rows % 2 == 0 ? other : device, w, x.slice(34 - rows, 34));
      float[] expected = Arrays.copyOfRange(all, (34 - rows) * 40, 34 * 40);
      assertArrayEquals(expected, some, 0f, format + ", " + rows + " rows");
    }
  }

  /** The parts of an infinity are not numbers; nor must a sum of the parts become one. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void notFiniteWeightsReachTheirOwnRowOnly(DType dtype) {
    Tensor weights =
        Tensor.wrap(MemorySegment.ofArray(new byte[4 * 600 * dtype.bytes()]), dtype, 4, 600);
    weights.setFloat(0, Float.NaN);
    weights.setFloat(600, 2);
    weights.setFloat(1200, Float.NEGATIVE_INFINITY);
    weights.setFloat(1800 + 599, Float.POSITIVE_INFINITY);
    float[] x = new float[600];
    x[0] = 3;
    x[599] = 1 + 0x1p-20f;
    float[] expected = {Float.NaN, 6, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY};
    try (KernelDevice device = open(0)) {
      DenseMatrix w = new DenseMatrix(weights);
      assertArrayEquals(expected, multiply(device, w, Tensor.wrap(x, 1, 600)));
      float[] batch = multiply(device, w, Tensor.wrap(Arrays.copyOf(x, 40 * 600), 40, 600));
      assertArrayEquals(expected, Arrays.copyOf(batch, 4));
    }
  }

  /** The lower parts of an infinity are zero. */
  @Test
  void infiniteInputsStayInTheirRow() {
    try (KernelDevice device = open(0)) {
      MatrixProductCudaCostTest.formats().forEach(format -> assertInfinityStays(format, device));
    }
  }

  private static void assertInfinityStays(WeightFormat format, KernelDevice device) {
    CaseRandom random = new CaseRandom(5);
    WeightMatrix w = CaseWeights.matrix(random, 33, 130, format);
    float[] values = random.normals(2 * 130, 1);
    values[130] = Float.POSITIVE_INFINITY;
    float[] y = multiply(device, w, Tensor.wrap(values, 2, 130));
    float[] decoded = new float[130];
    for (int n = 0; n < 33; n++) {
      assertTrue(Float.isFinite(y[n]), format.toString());
      w.decodeRow(n, decoded);
      if (decoded[0] != 0) {
        assertEquals(decoded[0] * Float.POSITIVE_INFINITY, y[33 + n], format.toString());
      }
    }
  }

  /** One full row among nearly empty ones. */
  private static GroupSparseMatrix uneven(int rows, int groups, int full) {
    long[] rowStart = new long[rows + 1];
    for (int n = 0; n < rows; n++) {
      rowStart[n + 1] = rowStart[n] + (n == full ? groups : n % 3 == 0 ? 1 : 0);
    }
    int kept = (int) rowStart[rows];
    short[] index = new short[kept];
    for (int t = 0; t < groups; t++) {
      index[(int) rowStart[full] + t] = (short) t;
    }
    byte[] codes = new byte[kept * 8];
    Arrays.fill(codes, (byte) 0x99);
    short[] scales = new short[kept];
    Arrays.fill(scales, Float.floatToFloat16(2));
    return new GroupSparseMatrix(
        groups * 16,
        Grouping.w4(16),
        Tensor.wrap(rowStart, rows + 1),
        Tensor.wrap(index, DType.I16, kept),
        Tensor.wrap(codes, DType.U8, kept, 8),
        Tensor.wrap(scales, DType.F16, kept),
        null);
  }

  @Test
  void addsTheSlicesOfALongRow(SoftGpu gpu) {
    GroupSparseMatrix w = uneven(70, 1500, 40);
    float[] x = new float[24_000];
    Arrays.fill(x, 1);
    float[] expected = new float[70];
    for (int n = 0; n < 70; n++) {
      expected[n] = 32 * (w.rowStart(n + 1) - w.rowStart(n));
    }
    try (KernelDevice device = open(0);
        PreparedMatrix prepared = device.sparse().prepare(w);
        MatrixProduct product = device.sparse().product(MatrixProductSpec.of(1, w))) {
      float[] y = new float[70];
      final long before = gpu.faults().calls("cuMemAlloc_v2");
      product.run(prepared, Tensor.wrap(x, 1, x.length), Tensor.wrap(y, 1, 70));
      assertArrayEquals(expected, y);
      assertEquals(before, gpu.faults().calls("cuMemAlloc_v2"));
    }
  }

  /** Work is cut by what is kept: a slice of a panel is about 32 KiB, whatever the rows. */
  @Test
  void sharesAreEqual() {
    KeptGroups kept = KeptGroups.of(uneven(70, 6000, 40));
    GroupStream stream = new GroupStream(kept, 70, 96_000);
    int[] slices = stream.sliceChunks();
    assertTrue(slices.length - 1 > 3, "slices " + (slices.length - 1));
    int[] starts = stream.chunkStarts();
    for (int slice = 0; slice + 1 < slices.length; slice++) {
      int bytes = 0;
      for (int block = 0; block < 3; block++) {
        int first = block * kept.sizes().chunks(96_000);
        bytes += starts[first + slices[slice + 1]] - starts[first + slices[slice]];
      }
      bytes *= ChunkSizes.UNIT;
      assertTrue(bytes <= (32 << 10) + 3 * kept.sizes().most(), "slice " + slice + ": " + bytes);
    }
  }
}
