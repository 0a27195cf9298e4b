package dev.warpwright.cuda.attention;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.cuda.CudaProvider;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Elements of narrow pools: every code is read exactly and written as the reference writes it. */
@CudaTest
class KvElementsCudaTest {
  private static final int CODES = 256;
  private static final List<DType> CODED = List.of(DType.I8, DType.F8E4M3);

  /** Powers of two, as is 1/√256. */
  private static final float KEY_SCALE = 0.5f;

  private static final float VALUE_SCALE = 2;
  private static final float LOGIT_SCALE = 0.0625f;

  private static KernelDevice open(int ordinal) {
    return new CudaProvider().open(OpenOptions.defaults().withOrdinal(ordinal));
  }

  /** A pool of one slot, whose value has all codes as elements, and whose key those of numbers. */
  private static KvPool allCodes(KernelDevice device, DType dtype) {
    byte[] keys = new byte[CODES];
    byte[] values = new byte[CODES];
    for (int i = 0; i < CODES; i++) {
      values[i] = (byte) i;
      keys[i] = Float.isNaN(value(dtype, i)) ? 0 : (byte) i;
    }
    KvPool pool = device.attention().pool(new KvPoolSpec(1, 1, CODES, dtype));
    pool.importPages(
        new int[] {0},
        codes(dtype, keys, 1, 1, CODES),
        codes(dtype, values, 1, 1, CODES),
        Tensor.wrap(new int[1], 1, 1));
    SlotArray scales = Objects.requireNonNull(pool.scales());
    device.copy(Tensor.wrap(new float[] {KEY_SCALE, VALUE_SCALE}, 1, 1, 2), scales.tensor());
    return pool;
  }

  private static Tensor codes(DType dtype, byte[] codes, long... shape) {
    Tensor tensor = Tensor.allocate(Arena.ofAuto(), dtype, shape);
    for (int i = 0; i < codes.length; i++) {
      tensor.segment().set(ValueLayout.JAVA_BYTE, i, codes[i]);
    }
    return tensor;
  }

  private static float value(DType dtype, int code) {
    return KvQuantisation.value(dtype, (byte) code, 1);
  }

  /** On CUDA cores and by matrix instructions, for the only slot has the weight 1. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  @SoftGpuTest(devices = {"H100", "A100"})
  void everyCodeOfAValueIsExact(int ordinal) {
    try (KernelDevice device = open(ordinal)) {
      for (DType dtype : CODED) {
        for (int group : new int[] {1, 12, 20}) {
          Heads heads = new Heads(1, group, 1, CODES);
          Tensor q = Tensor.wrap(new float[group * CODES], 1, group, CODES);
          Tensor out = Tensor.wrap(new float[group * CODES], 1, group, CODES);
          try (KvPool pool = allCodes(device, dtype);
              PagedDecode plan =
                  device
                      .attention()
                      .pagedDecode(
                          PagedDecodeSpec.causal(heads, pool.spec(), 1, 1, Rope.NONE), pool)) {
            plan.update(new PageTables(1, 1, 1).begin(1).request(1, 0).row(1, new int[1], 0, 1));
            plan.run(0, q, out, null);
          }
          for (int i = 0; i < group * CODES; i++) {
            float expected = VALUE_SCALE * value(dtype, i % CODES) + 0f;
            assertEquals(expected, out.getFloat(i) + 0f, dtype + " code " + i % CODES);
          }
        }
      }
    }
  }

  /** Queries that look at one element each: the log-sum-exp is its logit. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  @SoftGpuTest(devices = {"H100", "A100"})
  void everyCodeOfAKeyIsExact(int ordinal) {
    Heads heads = new Heads(1, 1, 1, CODES);
    Tensor q = Tensor.wrap(new float[CODES * CODES], CODES, 1, CODES);
    for (int i = 0; i < CODES; i++) {
      q.setFloat(i * (CODES + 1L), 1);
    }
    Tensor out = Tensor.wrap(new float[CODES * CODES], CODES, 1, CODES);
    Tensor decoded = Tensor.wrap(new float[CODES], CODES, 1);
    Tensor prefilled = Tensor.wrap(new float[CODES], CODES, 1);
    PageTables each = new PageTables(1, 1, 1).begin(CODES);
    IntStream.range(0, CODES).forEach(i -> each.request(1, 0));
    IntStream.range(0, CODES).forEach(i -> each.row(1, new int[1], 0, 1));
    PageTables together =
        new PageTables(1, 1, 1).begin(1).request(new int[CODES]).row(1, new int[1], 0, 1);
    try (KernelDevice device = open(ordinal)) {
      for (DType dtype : CODED) {
        try (KvPool pool = allCodes(device, dtype);
            PagedDecode decode =
                device
                    .attention()
                    .pagedDecode(
                        PagedDecodeSpec.causal(heads, pool.spec(), CODES, 1, Rope.NONE), pool);
            PagedPrefill prefill =
                device
                    .attention()
                    .pagedPrefill(
                        PagedPrefillSpec.causal(heads, pool.spec(), 1, CODES, 1, Rope.NONE),
                        pool)) {
          decode.update(each);
          decode.run(0, q, out, decoded);
          prefill.update(together);
          prefill.run(0, q, out, prefilled);
        }
        for (int i = 0; i < CODES; i++) {
          float key = Float.isNaN(value(dtype, i)) ? 0 : value(dtype, i);
          float expected = LOGIT_SCALE * KEY_SCALE * key + 0f;
          assertEquals(expected, decoded.getFloat(i) + 0f, dtype + " code " + i);
          assertEquals(expected, prefilled.getFloat(i) + 0f, dtype + " code " + i);
        }
      }
    }
  }

  /** Vectors of zeros, of what is not finite, of ties, and at both ends of the floats. */
  private static float[][] vectors(int headDim) {
    float[] ties = {127, 0.5f, 1.5f, -2.5f, -0.5f, 126.5f, -0f, 0.49999997f};
    float[] halves = {448, 1.0625f, 0x1p-10f, 0x3p-10f, -447, 433, 0x1.fp-7f, -0x1p-9f};
    float[] tiny = {100 * Float.MIN_VALUE, -190 * Float.MIN_VALUE, 0, Float.MIN_VALUE};
    float[] huge = {Float.MAX_VALUE, -Float.MAX_VALUE, 1e38f, 0x1.01p127f, 0x1.03p127f};
    float[] wild = {1, Float.NaN, 2};
    float[] infinite = {1, Float.NEGATIVE_INFINITY, 2};
    float[] none = {};
    float[] random = new CaseRandom(7).normals(headDim, 3);
    float[][] result = {ties, halves, tiny, huge, wild, infinite, none, random};
    for (int i = 0; i < result.length; i++) {
      result[i] = Arrays.copyOf(result[i], headDim);
    }
    return result;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  @SoftGpuTest(devices = {"H100", "A100"})
  void newTokensAreRoundedAsTheReferenceDoes(int ordinal) {
    try (KernelDevice device = open(ordinal);
        KernelDevice reference = ContractTest.open("reference", 1)) {
      for (DType dtype : new DType[] {DType.BF16, DType.I8, DType.F8E4M3}) {
        for (int headDim : new int[] {8, 24, 80}) {
          assertArrayEquals(
              append(reference, dtype, headDim),
              append(device, dtype, headDim),
              dtype + " of " + headDim);
        }
      }
    }
  }

  /** The bytes of keys, values and scales after all vectors were appended. */
  private static byte[] append(KernelDevice device, DType dtype, int headDim) {
    float[][] vectors = vectors(headDim);
    int count = vectors.length;
    Tensor keys = Tensor.wrap(new float[count * headDim], count, 1, headDim);
    Tensor values = Tensor.wrap(new float[count * headDim], count, 1, headDim);
    for (int i = 0; i < count * headDim; i++) {
      keys.setFloat(i, vectors[i / headDim][i % headDim]);
      values.setFloat(i, vectors[count - 1 - i / headDim][i % headDim]);
    }
    KvPoolSpec spec = new KvPoolSpec(1, count, headDim, dtype);
    AppendKvSpec append = new AppendKvSpec(new Heads(1, 1, 1, headDim), spec, 1, count, Rope.NONE);
    Tensor k = codes(dtype, new byte[0], 1, count, headDim);
    Tensor v = codes(dtype, new byte[0], 1, count, headDim);
    Tensor scales = Tensor.wrap(new float[2 * count], 1, count, 2);
    try (KvPool pool = device.attention().pool(spec);
        AppendKv plan = device.attention().appendKv(append, pool)) {
      plan.update(
          new PageTables(1, 1, count).begin(1).request(count, 0).row(count, new int[1], 0, 1));
      plan.run(0, keys, values);
      pool.exportPages(new int[] {0}, k, v, Tensor.wrap(new int[count], 1, count));
      SlotArray ofPool = pool.scales();
      if (ofPool != null) {
        device.copy(ofPool.tensor(), scales);
      }
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(k.segment().toArray(ValueLayout.JAVA_BYTE));
    bytes.writeBytes(v.segment().toArray(ValueLayout.JAVA_BYTE));
    for (int i = 0; i < scales.elements(); i++) {
      bytes.writeBytes(Float.toString(scales.getFloat(i)).getBytes(US_ASCII));
    }
    return bytes.toByteArray();
  }
}
