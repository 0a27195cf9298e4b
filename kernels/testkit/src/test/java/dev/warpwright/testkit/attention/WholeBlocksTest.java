package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageBoundsSpec.Scope;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Kernels over slots on pages whose keys the CPU works on sixteen at a time. */
class WholeBlocksTest {
  private static final int TOKENS = 96;
  private static final Heads HEADS = new Heads(1, 1, 1, 24);

  private static KvPoolSpec pages(DType dtype) {
    return new KvPoolSpec(3, 32, HEADS.headDim(), dtype);
  }

  private static Fixture filled(String provider, DType dtype, boolean wild) {
    Fixture f = new Fixture(provider, HEADS, pages(dtype), Rope.NONE);
    Tensor k = Tensor.wrap(new float[TOKENS * 24], TOKENS, 1, 24);
    CaseRandom random = new CaseRandom(3);
    for (int i = 0; i < TOKENS * 24; i++) {
      // Some elements are zeros of both signs in all keys of a page.
      k.setFloat(i, i % 24 < 4 ? (random.chance(0.5) ? 0f : -0f) : random.normal());
    }
    if (wild) {
      k.setFloat(40 * 24 + 7, Float.NaN);
      k.setFloat(70 * 24 + 9, Float.NEGATIVE_INFINITY);
    }
    f.append.update(f.tables(TOKENS, TOKENS, 0));
    f.append.run(0, k, k);
    return f;
  }

  private static float[] bounds(String provider, DType dtype) {
    PageBoundsSpec spec = new PageBoundsSpec(HEADS, pages(dtype), 1, Scope.ALL_TOKENS);
    Tensor bounds = Refusals.floats(3, 2, 24);
    try (Fixture f = filled(provider, dtype, true);
        PageBounds plan = f.device.attention().pageBounds(spec, f.pool)) {
      plan.update(f.tables(TOKENS, 0, TOKENS));
      plan.run(0, bounds);
    }
    return bounds.toFloats();
  }

  /** One of the pages has a NaN, which one-byte types keep in a scale; one has an infinity. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "I8", "F8E4M3"})
  void boundsAreThoseOfTheReference(DType dtype) {
    assertArrayEquals(bits(bounds("reference", dtype)), bits(bounds("cpu", dtype)));
  }

  private static int[] bits(float[] numbers) {
    return IntStream.range(0, numbers.length).map(i -> Float.floatToIntBits(numbers[i])).toArray();
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "I8"})
  void boundsAllocateNothing(DType dtype) {
    PageBoundsSpec spec = new PageBoundsSpec(HEADS, pages(dtype), 1, Scope.ALL_TOKENS);
    Tensor bounds = Refusals.floats(3, 2, 24);
    try (Fixture f = filled("cpu", dtype, false);
        PageBounds plan = f.device.attention().pageBounds(spec, f.pool)) {
      plan.update(f.tables(TOKENS, 0, TOKENS));
      Repeats.assertNoAllocation(() -> plan.run(0, bounds));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void turnsAllocateNothing(DType dtype) {
    RerotateKeysSpec spec = new RerotateKeysSpec(HEADS, pages(dtype), 1, Rope.rotateHalf(16, 1e4));
    Tensor there = Tensor.wrap(IntStream.range(5, 5 + TOKENS).toArray(), TOKENS);
    Tensor back = Tensor.wrap(IntStream.range(0, TOKENS).toArray(), TOKENS);
    try (Fixture f = filled("cpu", dtype, false);
        RerotateKeys plan = f.device.attention().rerotateKeys(spec, f.pool)) {
      plan.update(f.tables(TOKENS, 0, TOKENS));
      Repeats.assertNoAllocation(
          () -> {
            plan.run(0, there);
            plan.run(0, back);
          });
    }
  }

  @Test
  void mergesAllocateNothing() {
    KvPoolSpec pages = pages(DType.F16);
    MergeSimilarKvSpec spec = new MergeSimilarKvSpec(HEADS, pages, 1, 0, 0, 0);
    Tensor scores = Tensor.wrap(new float[TOKENS], TOKENS);
    Tensor kept = Refusals.ints(new int[TOKENS], TOKENS);
    Tensor lengths = Refusals.ints(new int[1], 1, 1);
    try (Fixture f = filled("cpu", DType.F16, false);
        SlotArray counts = f.pool.attach("counts", 1, 0);
        MergeSimilarKv plan = f.device.attention().mergeSimilarKv(spec, f.pool, counts)) {
      plan.update(f.tables(TOKENS, 0, TOKENS));
      Repeats.assertNoAllocation(() -> plan.run(0, scores, kept, lengths));
    }
  }

  @Test
  void movesAllocateNothing() {
    CompactKvSpec spec = new CompactKvSpec(HEADS, pages(DType.F16), 1);
    int[] slots = IntStream.range(0, TOKENS).map(i -> i < TOKENS / 2 ? 2 * i + 1 : -1).toArray();
    Tensor kept = Tensor.wrap(slots, TOKENS);
    try (Fixture f = filled("cpu", DType.F16, false);
        CompactKv plan = f.device.attention().compactKv(spec, f.pool)) {
      plan.update(f.tables(TOKENS, 0, TOKENS), f.tables(TOKENS / 2, 0, TOKENS));
      Repeats.assertNoAllocation(() -> plan.run(0, kept));
    }
  }
}
