package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.lang.foreign.MemorySegment;
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
    "cpu,F16,128,8"
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
}
