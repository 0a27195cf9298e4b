package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.CompactKvContract;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CompactKvContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(8, 4, 8, DType.F16);

  CompactKvContractTest() {
    super(new CompactKvContract());
  }

  private static PageTables row(int length, int... pages) {
    return new PageTables(1, 1, 4).begin(1).request(1, 0).row(length, pages, 0, pages.length);
  }

  /** Six tokens in pages 5 and 2; tokens 0, 3, 4, 5 stay, the first page in place. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void movesEverythingOfASlot(String provider) {
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        SlotArray array = f.pool.attach("number", 1, 7);
        CompactKv plan =
            f.device.attention().compactKv(new CompactKvSpec(HEADS, PAGES, 1), f.pool)) {
      PageTables before =
          new PageTables(1, 1, 4).begin(1).request(6, 0).row(6, new int[] {5, 2}, 0, 2);
      f.append.update(before);
      Tensor k = Tensor.wrap(new float[48], 6, 1, 8);
      Tensor v = Tensor.wrap(new float[48], 6, 1, 8);
      for (int token = 0; token < 6; token++) {
        k.setFloat(8L * token, token + 1);
        v.setFloat(8L * token + 7, -token);
      }
      f.append.run(0, k, v);
      for (int token = 0; token < 6; token++) {
        array.tensor().setFloat(array.at(token < 4 ? 5 : 2, token % 4), 10 * token);
      }
      plan.update(before, row(4, 5));
      plan.run(0, Tensor.wrap(new int[] {0, 3, 4, 5, -1, -1}, 6));
      Tensor[] page = f.exported(5);
      float[] keys = new float[4];
      float[] values = new float[4];
      float[] numbers = new float[4];
      for (int slot = 0; slot < 4; slot++) {
        keys[slot] = page[0].getFloat(8L * slot);
        values[slot] = page[1].getFloat(8L * slot + 7);
        numbers[slot] = array.tensor().getFloat(array.at(5, slot));
      }
      assertArrayEquals(new float[] {1, 4, 5, 6}, keys);
      assertArrayEquals(new float[] {0, -3, -4, -5}, values);
      assertArrayEquals(new int[] {0, 3, 4, 5}, page[2].toInts());
      assertArrayEquals(new float[] {0, 30, 40, 50}, numbers);
    }
  }

  /** What shares the old page still finds it as it was. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void aFreshPageLeavesTheOldOneAlone(String provider) {
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        CompactKv plan =
            f.device.attention().compactKv(new CompactKvSpec(HEADS, PAGES, 1), f.pool)) {
      f.append.update(new PageTables(1, 1, 4).begin(1).request(3, 0).row(3, new int[] {5}, 0, 1));
      Tensor k = Tensor.wrap(new float[24], 3, 1, 8);
      f.append.run(0, k, k);
      Tensor[] before = f.exported(5);
      plan.update(row(3, 5), row(2, 6));
      plan.run(0, Tensor.wrap(new int[] {0, 2, -1}, 3));
      for (int i = 0; i < 3; i++) {
        assertArrayEquals(
            before[i].segment().toArray(ValueLayout.JAVA_BYTE),
            f.exported(5)[i].segment().toArray(ValueLayout.JAVA_BYTE));
      }
      assertArrayEquals(new int[] {0, 2, -1, -1}, f.exported(6)[2].toInts());
    }
  }

  /** A new token finds initial values where an evicted one left others. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void appendResetsNumbers(String provider) {
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        SlotArray array = f.pool.attach("number", 2, 7)) {
      float[] initial = new float[8 * 4 * 2];
      Arrays.fill(initial, 7);
      assertArrayEquals(initial, array.tensor().toFloats());
      for (int i = 0; i < 64; i++) {
        array.tensor().setFloat(i, i);
      }
      f.append.update(row(6, 5, 2));
      Tensor k = Tensor.wrap(new float[8], 1, 1, 8);
      f.append.run(0, k, k);
      int at = (int) array.at(2, 1);
      float[] expected = new float[64];
      IntStream.range(0, 64).forEach(i -> expected[i] = i == at || i == at + 1 ? 7 : i);
      assertArrayEquals(expected, array.tensor().toFloats());
    }
  }

  @Test
  void allocatesNothing() {
    try (Fixture f = new Fixture("cpu", HEADS, PAGES, Rope.NONE);
        SlotArray array = f.pool.attach("number", 3, 0);
        CompactKv plan =
            f.device.attention().compactKv(new CompactKvSpec(HEADS, PAGES, 1), f.pool)) {
      plan.update(row(20, 0, 1, 2, 3, 4), row(10, 0, 1, 2));
      Tensor kept = Tensor.wrap(IntStream.range(0, 20).map(i -> i + 5).toArray(), 20);
      Repeats.assertNoAllocation(() -> plan.run(0, kept));
      assertEquals(3, array.width());
    }
  }
}
