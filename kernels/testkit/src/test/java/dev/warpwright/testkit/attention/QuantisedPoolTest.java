package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.Repeats;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Pools of codes with a scale for each key and value. */
class QuantisedPoolTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);

  @Test
  void knownCodes() {
    float[] vector = {254, -254, 3, -3, 5, 1, -0f, 126.9f};
    assertEquals(2, KvQuantisation.scale(DType.I8, vector));
    int[] expected = {127, -127, 2, -2, 2, 0, 0, 63};
    for (int i = 0; i < 8; i++) {
      assertEquals(expected[i], KvQuantisation.code(DType.I8, vector[i], 2), "ties to even");
    }
    assertEquals(4, KvQuantisation.value(DType.I8, (byte) 2, 2));
    assertEquals(0.5f, KvQuantisation.scale(DType.F8E4M3, new float[] {-224, 3}));
    assertEquals(0xFE, KvQuantisation.code(DType.F8E4M3, -224, 0.5f) & 0xff);
    assertEquals(-224, KvQuantisation.value(DType.F8E4M3, (byte) 0xFE, 0.5f));
  }

  @ParameterizedTest
  @EnumSource(names = {"I8", "F8E4M3"})
  void extremes(DType dtype) {
    assertEquals(0, KvQuantisation.scale(dtype, new float[8]));
    assertEquals(0, KvQuantisation.code(dtype, 0, 0));
    for (float wrong : new float[] {Float.NaN, Float.POSITIVE_INFINITY, -1f / 0}) {
      float scale = KvQuantisation.scale(dtype, new float[] {1, wrong});
      assertTrue(Float.isNaN(scale));
      assertEquals(0, KvQuantisation.code(dtype, wrong, scale));
      assertTrue(Float.isNaN(KvQuantisation.value(dtype, (byte) 0, scale)));
    }
    // The least of all magnitudes: its scale rounds to nothing, and so does it.
    float[] least = {Float.MIN_VALUE};
    float scale = KvQuantisation.scale(dtype, least);
    assertEquals(
        0, KvQuantisation.value(dtype, KvQuantisation.code(dtype, least[0], scale), scale));
    // The largest of all: its code's value must not round to an infinity.
    for (float most : new float[] {3e38f, -3e38f, Float.MAX_VALUE, -Float.MAX_VALUE}) {
      scale = KvQuantisation.scale(dtype, new float[] {1, most});
      byte code = KvQuantisation.code(dtype, most, scale);
      assertEquals(most, KvQuantisation.value(dtype, code, scale), 1e33f);
    }
  }

  /** What is stored lies within half a step of what was given. */
  @ParameterizedTest
  @CsvSource({"reference,I8", "cpu,I8", "reference,F8E4M3", "cpu,F8E4M3"})
  void storedIsNear(String provider, DType dtype) {
    KvPoolSpec spec = new KvPoolSpec(2, 16, 8, dtype);
    Tensor k = Tensor.wrap(new CaseRandom(2).normals(160, 3), 20, 1, 8);
    try (Fixture f = new Fixture(provider, HEADS, spec, Rope.NONE)) {
      f.append.update(f.tables(20, 20, 0));
      f.append.run(0, k, k);
      SlotArray scales = f.pool.array(0);
      Tensor[] pages = f.exported(0, 1);
      for (int i = 0; i < 160; i++) {
        float scale = scales.tensor().getFloat(scales.at(i / 128, i / 8 % 16));
        assertEquals(scale, scales.tensor().getFloat(scales.at(i / 128, i / 8 % 16) + 1));
        byte code = pages[0].segment().get(ValueLayout.JAVA_BYTE, i);
        float given = k.getFloat(i);
        double step = dtype == DType.I8 ? scale : Math.max(scale * 0x1p-9, Math.abs(given) / 8);
        assertEquals(given, KvQuantisation.value(dtype, code, scale), step * 0.5001);
        assertEquals(code, pages[1].segment().get(ValueLayout.JAVA_BYTE, i));
      }
    }
  }

  /** The largest numbers of all come back from an append as numbers, next to a weight of one. */
  @ParameterizedTest
  @CsvSource({"reference,I8", "cpu,I8", "reference,F8E4M3", "cpu,F8E4M3"})
  void largestStayFinite(String provider, DType dtype) {
    KvPoolSpec spec = new KvPoolSpec(2, 16, 8, dtype);
    float[] largest = new float[8];
    Arrays.fill(largest, -Float.MAX_VALUE);
    Tensor v = Tensor.wrap(largest, 1, 1, 8);
    Tensor zeros = Tensor.wrap(new float[8], 1, 1, 8);
    try (Fixture f = new Fixture(provider, HEADS, spec, Rope.NONE)) {
      f.append.update(f.tables(1, 1, 0));
      f.append.run(0, zeros, v);
      Tensor out = f.output(1);
      f.decode.update(f.tables(1, 1, 0));
      f.decode.run(0, zeros, out, null);
      assertEquals(-Float.MAX_VALUE, out.getFloat(0), 1e33f);
    }
  }

  /** No number that is masked shows, and one that is not does. */
  @ParameterizedTest
  @CsvSource({"reference,I8", "cpu,I8", "cpu,F8E4M3", "cpu,BF16"})
  void whatIsNoNumberShowsOnlyWhereVisible(String provider, DType dtype) {
    KvPoolSpec spec = new KvPoolSpec(2, 16, 8, dtype);
    try (Fixture f = new Fixture(provider, HEADS, spec, Rope.NONE)) {
      Tensor k = Tensor.wrap(new float[40], 5, 1, 8);
      Tensor v = Tensor.wrap(new float[40], 5, 1, 8);
      for (int i = 0; i < 40; i++) {
        v.setFloat(i, i / 8 + 1);
      }
      k.setFloat(4 * 8, Float.NaN);
      v.setFloat(4 * 8 + 3, Float.POSITIVE_INFINITY);
      f.append.update(f.tables(5, 5, 0));
      f.append.run(0, k, v);
      Tensor q = Tensor.wrap(new float[] {1, 1, 1, 1, 1, 1, 1, 1}, 1, 1, 8);
      Tensor out = f.output(1);
      Tensor lse = f.lse(1);
      f.decode.update(f.tables(5, 1, 3));
      f.decode.run(0, q, out, lse);
      assertEquals(2.5f, out.getFloat(0), 0.05f);
      assertEquals(2.5f, out.getFloat(3), 0.05f);
      assertEquals((float) Math.log(4), lse.getFloat(0), 1e-6f);
      f.decode.update(f.tables(5, 1, 4));
      f.decode.run(0, q, out, lse);
      assertTrue(Float.isNaN(out.getFloat(0)));
      assertTrue(Float.isNaN(lse.getFloat(0)));
    }
  }

  /** Scales belong to the pool: counted, the first of its arrays, and gone with it. */
  @ParameterizedTest
  @CsvSource({"reference", "cpu"})
  void scalesAreThePoolsOwn(String provider) {
    KvPoolSpec spec = new KvPoolSpec(4, 16, 8, DType.I8);
    assertEquals(2 * 4 * 16 * 4, spec.scaleBytes());
    assertEquals(0, new KvPoolSpec(4, 16, 8, DType.BF16).scaleBytes());
    long before = MemoryAccount.live();
    try (Fixture f = new Fixture(provider, HEADS, spec, Rope.NONE)) {
      assertEquals(1, f.pool.arrayCount());
      assertEquals(f.pool.scales(), f.pool.array(0));
    }
    assertEquals(before, MemoryAccount.live());
    KvPoolSpec plain = new KvPoolSpec(4, 16, 8, DType.F16);
    try (Fixture f = new Fixture(provider, HEADS, plain, Rope.NONE)) {
      assertNull(f.pool.scales());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BF16", "I8", "F8E4M3"})
  void sameBitsAndNoAllocation(DType dtype) {
    KvPoolSpec spec = new KvPoolSpec(10, 16, 8, dtype);
    Tensor k = Tensor.wrap(new CaseRandom(2).normals(800, 1), 100, 1, 8);
    try (Fixture f = new Fixture("cpu", HEADS, spec, Rope.NONE)) {
      f.append.update(f.tables(100, 100, 0));
      f.append.run(0, k, k);
      Tensor q = k.slice(0, 1);
      Tensor out = f.output(1);
      f.decode.update(f.tables(100, 1, 99));
      f.decode.run(0, q, out, null);
      float[] first = out.toFloats();
      Repeats.assertNoAllocation(() -> f.decode.run(0, q, out, null));
      assertArrayEquals(first, out.toFloats());
      f.append.update(f.tables(100, 1, 99));
      Repeats.assertNoAllocation(() -> f.append.run(0, q, q));
    }
  }
}
