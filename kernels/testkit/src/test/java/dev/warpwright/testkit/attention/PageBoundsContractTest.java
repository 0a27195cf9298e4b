package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageBoundsSpec.Scope;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.PageBoundsContract;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PageBoundsContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(4, 2, 8, DType.F32);

  PageBoundsContractTest() {
    super(new PageBoundsContract());
  }

  private static PageTables row(int newTokens, int length, int... pages) {
    return new PageTables(1, 1, 2)
        .begin(1)
        .request(newTokens, length - newTokens)
        .row(length, pages, 0, pages.length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void knownAnswers(String provider) {
    PageBoundsSpec spec = new PageBoundsSpec(HEADS, PAGES, 1, Scope.NEW_TOKENS);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        PageBounds plan = f.device.attention().pageBounds(spec, f.pool)) {
      Tensor k = Tensor.wrap(new float[40], 5, 1, 8);
      float[] firsts = {3, -1, -0f, 0f, Float.NaN};
      for (int token = 0; token < 5; token++) {
        k.setFloat(8L * token, firsts[token]);
        k.setFloat(8L * token + 7, -token);
      }
      PageTables prompt = row(5, 5, 3, 0, 2);
      f.append.update(prompt);
      f.append.run(0, k, k);
      Tensor bounds = Refusals.floats(4, 2, 8);
      plan.update(row(2, 4, 3, 0));
      plan.run(0, bounds);
      assertEquals(7, bounds.getFloat(3 * 16), "only the page of the new tokens");
      assertEquals(0x80000000, Float.floatToRawIntBits(bounds.getFloat(0)), "−0 is less");
      assertEquals(0, Float.floatToRawIntBits(bounds.getFloat(8)), "+0 is more");
      // The first of the new tokens shares its page with an old one.
      Tensor others = Refusals.floats(4, 2, 8);
      plan.update(row(2, 5, 3, 0, 2));
      plan.run(0, others);
      assertEquals(7, others.getFloat(3 * 16));
      assertEquals(-3, others.getFloat(7), "the page that they begin in");
      plan.update(prompt);
      plan.run(0, bounds);
      assertEquals(-1, bounds.getFloat(3 * 16));
      assertEquals(3, bounds.getFloat(3 * 16 + 8));
      assertEquals(-1, bounds.getFloat(3 * 16 + 7));
      assertEquals(0, bounds.getFloat(3 * 16 + 15));
      assertEquals(Float.NaN, bounds.getFloat(2 * 16));
      assertEquals(-4, bounds.getFloat(2 * 16 + 15), "what is not filled does not count");
      assertEquals(7, bounds.getFloat(16), "page 1 is nobody's");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusals(String provider) {
    PageBoundsSpec spec = new PageBoundsSpec(HEADS, PAGES, 1, Scope.ALL_TOKENS);
    Tensor bounds = Refusals.floats(4, 2, 8);
    Refusals refusals = new Refusals(bounds);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        PageBounds plan = f.device.attention().pageBounds(spec, f.pool)) {
      refusals.assertIllegalState("no batch: call update before run", () -> plan.run(0, bounds));
      plan.update(row(1, 3, 0, 1));
      refusals.assertRefused(
          "bounds.shape", "[3, 2, 8]", "[4, 2, 8]", () -> plan.run(0, Refusals.floats(3, 2, 8)));
      refusals.assertRefused("bounds", "null", "not null", () -> plan.run(0, null));
      refusals.assertRefused("layer", "-1", "0..0", () -> plan.run(-1, bounds));
      refusals.assertRefused(
          "scope", "null", "not null", () -> new PageBoundsSpec(HEADS, PAGES, 1, null));
    }
  }

  @Test
  void allocatesNothing() {
    PageBoundsSpec spec = new PageBoundsSpec(HEADS, PAGES, 1, Scope.ALL_TOKENS);
    try (Fixture f = new Fixture("cpu", HEADS, PAGES, Rope.NONE);
        PageBounds plan = f.device.attention().pageBounds(spec, f.pool)) {
      plan.update(row(1, 8, 0, 1, 2, 3));
      Tensor bounds = Refusals.floats(4, 2, 8);
      Repeats.assertNoAllocation(() -> plan.run(0, bounds));
    }
  }
}
