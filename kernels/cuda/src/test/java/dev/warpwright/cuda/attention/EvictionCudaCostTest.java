package dev.warpwright.cuda.attention;

import static dev.warpwright.cuda.attention.AttentionCudaCostTest.cache;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What the kernels read and write that note, choose and move slots. */
@CudaTest
class EvictionCudaCostTest {
  private static final int SLOTS = 2000;
  private static final Heads HEADS = new Heads(1, 2, 2, 128);

  private final CaseCache cache = cache(HEADS, DType.F16, 16, List.of(SLOTS), List.of(1));

  /** Tables of both rows: a page number for 16 slots, and where rows begin. */
  private long tableBytes() {
    return 2 * (cache.tables().pageCount(0) + 4L) * Integer.BYTES;
  }

  @ParameterizedTest
  @EnumSource
  void accumulateReadsAndWritesOnce(Statistic statistic, SoftGpu gpu) {
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        SlotArray array = pool.attach("scores", statistic.width(), 0);
        DeviceTensor scores = device.allocate(DType.F32, 2 * SLOTS);
        ScoreAccumulate plan =
            device
                .attention()
                .scoreAccumulate(
                    new ScoreAccumulateSpec(HEADS, cache.spec(), 1, statistic, false, 1),
                    pool,
                    array)) {
      plan.update(cache.tables());
      CostCard cost = CostCard.of(gpu, device, () -> plan.run(0, scores.tensor(), null));
      cost.assertCosts(
          "score_accumulate",
          "",
          2L * SLOTS * (1 + 2 * statistic.width()) * Float.BYTES + tableBytes());
    }
  }

  /** One pass over scores and positions; the keys that come of them stay in shared memory. */
  @Test
  void selectReadsOnce(SoftGpu gpu) {
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor scores = device.allocate(DType.F32, 2 * SLOTS);
        DeviceTensor budgets = device.allocate(DType.I32, 1, 2);
        DeviceTensor kept = device.allocate(DType.I32, 2 * SLOTS);
        SelectTokens plan =
            device
                .attention()
                .selectTokens(new SelectTokensSpec(HEADS, cache.spec(), 1, 4096, 4, 16), pool)) {
      float[] drawn = new CaseRandom(3).normals(2 * SLOTS, 1);
      device.copy(Tensor.wrap(drawn, drawn.length), scores.tensor());
      device.copy(Tensor.wrap(new int[] {SLOTS / 2, SLOTS / 4}, 1, 2), budgets.tensor());
      plan.update(cache.tables());
      CostCard cost =
          CostCard.of(
              gpu, device, () -> plan.run(0, scores.tensor(), budgets.tensor(), kept.tensor()));
      cost.assertCosts("select_tokens", "", 2L * SLOTS * 3 * Integer.BYTES + tableBytes());
    }
  }

  /** What moves is read and written once; what stays is not touched. */
  @ParameterizedTest
  @CsvSource({"0, F16, ''", "900, F16, most slots stay", "0, I8, ''"})
  void compactMovesOnce(int staying, DType dtype, String situation, SoftGpu gpu) {
    CaseCache cache = cache(HEADS, dtype, 16, List.of(SLOTS), List.of(1));
    int count = SLOTS / 2;
    int moved = count - staying;
    int[] slots = new int[2 * SLOTS];
    PageTables from = cache.tables();
    PageTables to = new PageTables(1, 2, 16).begin(1).request(1, SLOTS - 1);
    for (int row = 0; row < 2; row++) {
      int[] pages = new int[count / 16 + 1];
      for (int index = 0; index < pages.length; index++) {
        pages[index] = from.page(row, index);
      }
      to.row(count, pages, 0, pages.length);
      for (int i = 0; i < count; i++) {
        slots[row * SLOTS + i] = i < staying ? i : SLOTS - count + i;
      }
    }
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        SlotArray array = pool.attach("scores", 3, 0);
        DeviceTensor kept = device.allocate(DType.I32, 2 * SLOTS);
        CompactKv plan =
            device.attention().compactKv(new CompactKvSpec(HEADS, cache.spec(), 1), pool)) {
      device.copy(Tensor.wrap(slots, slots.length), kept.tensor());
      plan.update(from, to);
      CostCard cost = CostCard.of(gpu, device, () -> plan.run(0, kept.tensor()));
      int scales = KvQuantisation.applies(dtype) ? 2 : 0;
      long slot =
          2L * HEADS.headDim() * dtype.bytes() + (1L + array.width() + scales) * Integer.BYTES;
      cost.assertCosts(
          "compact_kv",
          situation,
          2 * (2 * moved * slot + count * (long) Integer.BYTES) + 2 * tableBytes());
    }
  }
}
