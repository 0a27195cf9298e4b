package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pages go in and out of a pool bit by bit, whatever their layout inside. */
class KvPoolTest {
  private static Tensor bits(CaseRandom random, DType dtype, long... shape) {
    int bytes = dtype.bytes();
    for (long size : shape) {
      bytes *= (int) size;
    }
    byte[] content = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      content[i] = (byte) random.bits();
    }
    return Tensor.wrap(MemorySegment.ofArray(content), dtype, shape);
  }

  @ParameterizedTest
  @CsvSource({
    "reference,F32,16,64",
    "reference,F16,3,8",
    "reference,BF16,3,8",
    "cpu,F32,1,8",
    "cpu,F32,16,24",
    "cpu,F32,48,128",
    "cpu,F16,7,40",
    "cpu,F16,32,256",
    "cpu,F16,128,8",
    "reference,I8,3,8",
    "cpu,BF16,32,24",
    "cpu,I8,16,72",
    "cpu,F8E4M3,5,8"
  })
  void anyBitsComeBack(String provider, DType dtype, int pageSize, int headDim) {
    CaseRandom random = new CaseRandom(pageSize);
    try (KernelDevice device = ContractTest.open(provider, 1);
        KvPool pool = device.attention().pool(new KvPoolSpec(6, pageSize, headDim, dtype))) {
      Tensor keys = bits(random, dtype, 3, pageSize, headDim);
      Tensor values = bits(random, dtype, 3, pageSize, headDim);
      Tensor positions = bits(random, DType.I32, 3, pageSize);
      pool.importPages(new int[] {4, 0, 3}, keys, values, positions);
      Tensor keysBack = bits(random, dtype, 2, pageSize, headDim);
      Tensor valuesBack = bits(random, dtype, 2, pageSize, headDim);
      Tensor positionsBack = bits(random, DType.I32, 2, pageSize);
      pool.exportPages(new int[] {0, 3}, keysBack, valuesBack, positionsBack);
      assertEquals(-1, keys.slice(1, 3).segment().mismatch(keysBack.segment()));
      assertEquals(-1, values.slice(1, 3).segment().mismatch(valuesBack.segment()));
      assertEquals(-1, positions.slice(1, 3).segment().mismatch(positionsBack.segment()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void newPagesAreEmpty(String provider) {
    try (KernelDevice device = ContractTest.open(provider, 1);
        KvPool pool = device.attention().pool(new KvPoolSpec(2, 2, 8, DType.F32))) {
      Tensor keys = Tensor.wrap(new float[16], 1, 2, 8);
      Tensor values = Tensor.wrap(new float[16], 1, 2, 8);
      Tensor positions = Tensor.wrap(new int[2], 1, 2);
      pool.exportPages(new int[] {1}, keys, values, positions);
      assertArrayEquals(new float[16], keys.toFloats());
      assertArrayEquals(new float[16], values.toFloats());
      assertArrayEquals(new int[] {-1, -1}, positions.toInts());
    }
  }

  /** Fast loops multiply masked values by zero, so they must learn of infinities from outside. */
  @ParameterizedTest
  @CsvSource({"reference,F32", "reference,BF16", "cpu,F32", "cpu,F16", "cpu,BF16"})
  void importedInfinitiesShowOnlyWhereVisible(String provider, DType dtype) {
    KvPoolSpec spec = new KvPoolSpec(1, 16, 8, dtype);
    try (Fixture f = new Fixture(provider, new Heads(1, 1, 1, 8), spec, Rope.NONE)) {
      Tensor[] page = f.exported(0);
      page[0].setFloat(2 * 8, Float.NaN);
      page[1].setFloat(8, Float.POSITIVE_INFINITY);
      page[1].setFloat(2 * 8 + 1, Float.POSITIVE_INFINITY);
      f.pool.importPages(
          new int[] {0}, page[0], page[1], Tensor.wrap(IntStream.range(0, 16).toArray(), 1, 16));
      Tensor q = Tensor.wrap(new float[] {1, 1, 1, 1, 1, 1, 1, 1}, 1, 1, 8);
      Tensor out = f.output(1);
      f.decode.update(f.tables(3, 1, 1));
      f.decode.run(0, q, out, null);
      assertEquals(Float.POSITIVE_INFINITY, out.getFloat(0), "a value at position 1");
      assertEquals(0, out.getFloat(1), "a value at position 2, masked");
    }
  }
}
