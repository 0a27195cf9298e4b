package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.Rope.Style;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.RerotateKeysContract;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RerotateKeysContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(4, 4, 8, DType.F32);

  RerotateKeysContractTest() {
    super(new RerotateKeysContract());
  }

  private static PageTables row(int newTokens, int position, int length, int... pages) {
    return new PageTables(1, 1, 4)
        .begin(1)
        .request(newTokens, position)
        .row(length, pages, 0, pages.length);
  }

  /** A key that moves is the key that is stored there at once. */
  @ParameterizedTest
  @CsvSource({
    "reference,ROTATE_HALF",
    "reference,INTERLEAVED",
    "cpu,ROTATE_HALF",
    "cpu,INTERLEAVED"
  })
  void movedIsStoredThere(String provider, Style style) {
    Rope rope = new Rope(style, 6, 100);
    Tensor k = Tensor.wrap(new CaseRandom(4).normals(48, 1), 6, 1, 8);
    RerotateKeysSpec spec = new RerotateKeysSpec(HEADS, PAGES, 1, rope);
    try (Fixture f = new Fixture(provider, HEADS, PAGES, rope);
        RerotateKeys plan = f.device.attention().rerotateKeys(spec, f.pool)) {
      f.append.update(row(6, 100, 6, 0, 1));
      f.append.run(0, k, k);
      f.append.update(row(6, 30, 6, 2, 3));
      f.append.run(0, k, k);
      Tensor[] before = f.exported(0, 1);
      PageTables moved = row(0, 0, 6, 0, 1);
      plan.update(moved);
      // The third keeps its place.
      int[] positions = {30, 31, 102, 33, 34, 35};
      plan.run(0, Tensor.wrap(positions, 6));
      Tensor[] now = f.exported(0, 1);
      Tensor[] there = f.exported(2, 3);
      for (int i = 0; i < 48; i++) {
        Tensor expected = i / 8 == 2 ? before[0] : there[0];
        // Two rotations instead of one: each rounds twice, and angles are rounded to F32.
        assertEquals(expected.getFloat(i), now[0].getFloat(i), i / 8 == 2 ? 0 : 1e-6);
      }
      assertEquals(-1, before[1].segment().mismatch(now[1].segment()), "values");
      assertArrayEquals(positions, Arrays.copyOf(now[2].toInts(), 6));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusals(String provider) {
    Tensor positions = Refusals.ints(new int[5], 5);
    Refusals refusals = new Refusals(positions);
    RerotateKeysSpec spec = new RerotateKeysSpec(HEADS, PAGES, 2, Rope.rotateHalf(8, 1e4));
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        RerotateKeys plan = f.device.attention().rerotateKeys(spec, f.pool)) {
      Tensor[] before = f.exported(0, 1, 2, 3);
      refusals.assertIllegalState("no batch: call update before run", () -> plan.run(0, positions));
      plan.update(row(0, 0, 5, 1, 2));
      refusals.assertRefused("layer", "1", "0..0", () -> plan.run(1, positions));
      refusals.assertRefused(
          "positions.shape", "[4]", "[5]", () -> plan.run(0, Refusals.ints(new int[4], 4)));
      refusals.assertRefused(
          "positions.dtype", "F32", "I32", () -> plan.run(0, Refusals.floats(5)));
      for (int wrong : new int[] {-1, Integer.MAX_VALUE}) {
        refusals.assertRefused(
            "positions[3]",
            "" + wrong,
            "0..2147483646",
            () -> plan.run(0, Refusals.ints(new int[] {0, 1, 2, wrong, 4}, 5)));
      }
      refusals.assertRefused(
          "tables.page[row 0][1]",
          "2",
          "a page that is in no other place of the tables",
          () -> plan.update(row(0, 0, 5, 2, 2)));
      // A page that is reserved only may be anywhere.
      plan.update(row(0, 0, 4, 2, 2));
      refusals.assertRefused(
          "rope.rotaryDim",
          "16",
          "at most headDim 8",
          () -> new RerotateKeysSpec(HEADS, PAGES, 2, Rope.rotateHalf(16, 1e4)));
      for (int i = 0; i < 3; i++) {
        assertEquals(-1, before[i].segment().mismatch(f.exported(0, 1, 2, 3)[i].segment()));
      }
    }
  }

  @Test
  void allocatesNothing() {
    Rope rope = Rope.rotateHalf(8, 1e4);
    try (Fixture f = new Fixture("cpu", HEADS, PAGES, rope);
        RerotateKeys plan =
            f.device
                .attention()
                .rerotateKeys(new RerotateKeysSpec(HEADS, PAGES, 1, rope), f.pool)) {
      plan.update(row(0, 0, 15, 0, 1, 2, 3));
      Tensor there = Tensor.wrap(IntStream.range(5, 20).toArray(), 15);
      Tensor back = Tensor.wrap(IntStream.range(0, 15).toArray(), 15);
      Repeats.assertNoAllocation(
          () -> {
            plan.run(0, there);
            plan.run(0, back);
          });
    }
  }
}
