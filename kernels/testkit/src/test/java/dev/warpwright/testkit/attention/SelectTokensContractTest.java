package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.SelectTokensContract;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SelectTokensContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(30, 4, 8, DType.F32);

  SelectTokensContractTest() {
    super(new SelectTokensContract());
  }

  /** Slots chosen from these scores, whose slots have their numbers as positions. */
  private static int[] chosen(
      String provider, int budget, int prefix, int recents, float... scores) {
    int length = scores.length;
    SelectTokensSpec spec = new SelectTokensSpec(HEADS, PAGES, 1, 100, prefix, recents);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        SelectTokens plan = f.device.attention().selectTokens(spec, f.pool)) {
      PageTables tables = f.tables(length, length, 0);
      f.append.update(tables);
      Tensor zeros = Tensor.wrap(new float[length * 8], length, 1, 8);
      f.append.run(0, zeros, zeros);
      plan.update(tables);
      Tensor kept = Tensor.wrap(new int[length], length);
      plan.run(0, Tensor.wrap(scores, length), Tensor.wrap(new int[] {budget}, 1, 1), kept);
      int[] all = kept.toInts();
      int count = Math.min(budget, length);
      assertArrayEquals(
          IntStream.generate(() -> -1).limit(length - count).toArray(),
          IntStream.of(all).skip(count).toArray());
      return IntStream.of(all).limit(count).toArray();
    }
  }

  private static int[] of(int... slots) {
    return slots;
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void knownAnswers(String p) {
    float nan = Float.NaN;
    float least = Float.NEGATIVE_INFINITY;
    assertArrayEquals(of(1, 3), chosen(p, 2, 0, 0, 0, 5, 1, 7, 2));
    assertArrayEquals(of(0, 1, 3), chosen(p, 3, 1, 0, 0, 5, 1, 7, 2), "prefix");
    assertArrayEquals(of(1, 3, 4), chosen(p, 3, 0, 1, 0, 5, 1, 7, 2), "recents");
    assertArrayEquals(of(0, 2), chosen(p, 2, 0, 0, 3, 2, 3, 3, 1), "ties: the lower slot");
    assertArrayEquals(of(0, 1), chosen(p, 2, 0, 0, -0f, 0f, 0f), "−0 equals +0");
    assertArrayEquals(of(0, 1), chosen(p, 2, 0, 0, 0f, -0f, 0f), "+0 equals −0");
    assertArrayEquals(of(1, 2), chosen(p, 2, 0, 0, nan, least, 1, nan), "NaN is lowest");
    assertArrayEquals(of(0, 1, 2), chosen(p, 3, 0, 0, nan, least, 1, -nan), "NaNs are alike");
    assertArrayEquals(of(0, 1), chosen(p, 2, 2, 2, 1, 2, 3, 4, 5), "more protected than fit");
    assertArrayEquals(of(), chosen(p, 0, 2, 2, 1, 2, 3, 4, 5));
    assertArrayEquals(of(0, 1, 2), chosen(p, 9, 0, 0, 1, nan, 3));
  }

  @Test
  void allocatesNothing() {
    SelectTokensSpec spec = new SelectTokensSpec(HEADS, PAGES, 1, 100, 4, 8);
    try (Fixture f = new Fixture("cpu", HEADS, PAGES, Rope.NONE);
        SelectTokens plan = f.device.attention().selectTokens(spec, f.pool)) {
      plan.update(f.tables(90, 1, 89));
      Tensor scores = Tensor.wrap(new float[90], 90);
      Tensor budgets = Tensor.wrap(new int[] {40}, 1, 1);
      Tensor kept = Tensor.wrap(new int[90], 90);
      Repeats.assertNoAllocation(() -> plan.run(0, scores, budgets, kept));
    }
  }
}
