package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.ScoreAccumulateContract;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScoreAccumulateContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(3, 2, 8, DType.F32);

  ScoreAccumulateContractTest() {
    super(new ScoreAccumulateContract());
  }

  private static PageTables tables(int newTokens) {
    return new PageTables(1, 1, 2).begin(1).request(newTokens, 0).row(3, new int[] {2, 0}, 0, 2);
  }

  private static ScoreAccumulateSpec spec(Statistic statistic, boolean restart) {
    return new ScoreAccumulateSpec(HEADS, PAGES, 1, statistic, restart, 9);
  }

  /** Three slots in pages 2 and 0. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void sums(String provider) {
    try (KernelDevice device = open(provider, 2);
        KvPool pool = device.attention().pool(PAGES);
        SlotArray array = pool.attach("scores", 1, 0);
        ScoreAccumulate plan =
            device.attention().scoreAccumulate(spec(Statistic.SUM, false), pool, array);
        ScoreAccumulate last =
            device.attention().scoreAccumulate(spec(Statistic.SUM, true), pool, array)) {
      plan.update(tables(1));
      plan.run(0, Tensor.wrap(new float[] {1, 2, 3}, 3), null);
      plan.run(0, Tensor.wrap(new float[] {10, 20, 30}, 3), null);
      assertArrayEquals(new float[] {33, 0, 0, 0, 11, 22}, array.tensor().toFloats());
      last.update(tables(1));
      last.run(0, Tensor.wrap(new float[] {4, 5, 6}, 3), null);
      assertArrayEquals(new float[] {6, 0, 0, 0, 4, 5}, array.tensor().toFloats());
      plan.update(tables(0));
      plan.run(0, Tensor.wrap(new float[] {4, 5, 6}, 3), null);
      assertArrayEquals(
          new float[] {6, 0, 0, 0, 4, 5}, array.tensor().toFloats(), "nobody observed");
    }
  }

  /** The observations 1, 2 and 6 of each slot: two at a time, then one. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void moments(String provider) {
    try (KernelDevice device = open(provider, 2);
        KvPool pool = device.attention().pool(PAGES);
        SlotArray array = pool.attach("scores", 3, 0);
        ScoreAccumulate plan =
            device.attention().scoreAccumulate(spec(Statistic.MOMENTS, false), pool, array)) {
      plan.update(tables(2));
      plan.run(
          0,
          Tensor.wrap(new float[] {1.5f, 1.5f, 1.5f}, 3),
          Tensor.wrap(new float[] {0.5f, 0.5f, 0.5f}, 3));
      plan.update(tables(1));
      plan.run(0, Tensor.wrap(new float[] {6, 6, 6}, 3), null);
      float[] slot = {3, 3, 14};
      float[] none = {0, 0, 0};
      float[] all = array.tensor().toFloats();
      for (int i = 0; i < 6; i++) {
        assertArrayEquals(
            i == 0 || i >= 4 ? slot : none, Arrays.copyOfRange(all, 3 * i, 3 * i + 3), "" + i);
      }
    }
  }

  @Test
  void allocatesNothing() {
    Heads heads = new Heads(1, 2, 2, 8);
    KvPoolSpec pages = new KvPoolSpec(30, 16, 8, DType.F32);
    ScoreAccumulateSpec spec =
        new ScoreAccumulateSpec(heads, pages, 1, Statistic.MOMENTS, false, 1);
    try (Fixture f = new Fixture("cpu", heads, pages, Rope.NONE);
        SlotArray array = f.pool.attach("scores", 3, 0);
        ScoreAccumulate plan = f.device.attention().scoreAccumulate(spec, f.pool, array)) {
      plan.update(f.tables(90, 1, 89));
      Tensor scores = Tensor.wrap(new float[180], 180);
      Repeats.assertNoAllocation(() -> plan.run(0, scores, scores));
    }
  }
}
