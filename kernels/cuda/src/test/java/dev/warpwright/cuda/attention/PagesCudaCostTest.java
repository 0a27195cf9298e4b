package dev.warpwright.cuda.attention;

import static dev.warpwright.cuda.attention.AttentionCudaCostTest.cache;
import static dev.warpwright.cuda.attention.AttentionCudaCostTest.rope;
import static dev.warpwright.cuda.attention.AttentionCudaCostTest.rotationBytes;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageBoundsSpec.Scope;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What the kernels read and write that copy, turn and judge pages. */
@CudaTest
class PagesCudaCostTest {
  private static final int SLOTS = 640;
  private static final int PAGES = SLOTS / 16;
  private static final Heads HEADS = new Heads(1, 4, 1, 128);
  private static final long TABLE = (PAGES + 2L) * Integer.BYTES;

  private static CaseCache cacheOf(DType dtype) {
    return cache(HEADS, dtype, 16, List.of(SLOTS), List.of(1));
  }

  private static String situation(DType dtype) {
    return KvQuantisation.applies(dtype) ? "codes of one byte" : "";
  }

  /** Bytes of a key. */
  private static long key(DType dtype) {
    return (long) HEADS.headDim() * dtype.bytes();
  }

  /** Bytes of both scales of a slot. */
  private static long scales(DType dtype) {
    return KvQuantisation.applies(dtype) ? 2 * Float.BYTES : 0;
  }

  @ParameterizedTest
  @CsvSource({"GATHER, F16", "SCATTER, F16", "GATHER, I8", "SCATTER, I8"})
  void pagesAreCopiedOnce(Direction direction, DType dtype, SoftGpu gpu) {
    CaseCache cache = cacheOf(dtype);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor keys = device.allocate(dtype, PAGES, 16, 128);
        DeviceTensor values = device.allocate(dtype, PAGES, 16, 128);
        DeviceTensor positions = device.allocate(DType.I32, PAGES, 16);
        DeviceTensor scales = device.allocate(DType.F32, PAGES, 16, 2);
        DeviceTensor named = device.allocate(DType.I32, PAGES);
        PageTransfer plan =
            device
                .attention()
                .pageTransfer(new PageTransferSpec(cache.spec(), PAGES, direction), pool)) {
      device.copy(Tensor.wrap(IntStream.range(0, PAGES).toArray(), PAGES), named.tensor());
      PageBuffer buffer =
          new PageBuffer(
              keys.tensor(),
              values.tensor(),
              positions.tensor(),
              pool.scales() == null ? List.of() : List.of(scales.tensor()));
      CostCard cost = CostCard.of(gpu, device, () -> plan.run(named.tensor(), buffer));
      cost.assertCosts(
          direction == Direction.GATHER ? "gather_pages" : "scatter_pages",
          situation(dtype),
          2 * SLOTS * (2 * key(dtype) + scales(dtype) + Integer.BYTES) + named.tensor().bytes());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "I8"})
  void keysAreTurnedOnce(DType dtype, SoftGpu gpu) {
    CaseCache cache = cacheOf(dtype);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor positions = device.allocate(DType.I32, SLOTS);
        RerotateKeys plan =
            device
                .attention()
                .rerotateKeys(new RerotateKeysSpec(HEADS, cache.spec(), 1, rope(HEADS)), pool)) {
      int[] later = IntStream.range(0, SLOTS).map(slot -> slot + 5).toArray();
      device.copy(Tensor.wrap(later, SLOTS), positions.tensor());
      plan.update(cache.tables());
      CostCard cost = CostCard.of(gpu, device, () -> plan.run(0, positions.tensor()));
      cost.assertCosts(
          "rerotate_keys",
          situation(dtype),
          SLOTS * (2 * (key(dtype) + scales(dtype)) + 3L * Integer.BYTES)
              + TABLE
              + 64 * Double.BYTES);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "I8"})
  void boundsReadKeysOnce(DType dtype, SoftGpu gpu) {
    CaseCache cache = cacheOf(dtype);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor bounds = device.allocate(DType.F32, cache.spec().headPages(), 2, 128);
        PageBounds plan =
            device
                .attention()
                .pageBounds(new PageBoundsSpec(HEADS, cache.spec(), 1, Scope.ALL_TOKENS), pool)) {
      plan.update(cache.tables());
      CostCard cost = CostCard.of(gpu, device, () -> plan.run(0, bounds.tensor()));
      long written = 2L * PAGES * 128 * Float.BYTES;
      cost.assertCosts("page_bounds", "", SLOTS * (key(dtype) + scales(dtype)) + written + TABLE);
    }
  }

  @Test
  void scoresReadBoundsOnce(SoftGpu gpu) {
    CaseCache cache = cacheOf(DType.F16);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor q = device.allocate(DType.F32, 1, 4, 128);
        DeviceTensor bounds = device.allocate(DType.F32, cache.spec().headPages(), 2, 128);
        DeviceTensor scores = device.allocate(DType.F32, PAGES);
        ScorePages plan =
            device
                .attention()
                .scorePages(ScorePagesSpec.bound(HEADS, cache.spec(), 1, rope(HEADS)), pool)) {
      plan.update(cache.tables());
      CostCard cost =
          CostCard.of(gpu, device, () -> plan.run(0, q.tensor(), bounds.tensor(), scores.tensor()));
      long read = 2L * PAGES * 128 * Float.BYTES + q.tensor().bytes() + rotationBytes(HEADS, 1);
      cost.assertCosts("score_pages", "", read + scores.tensor().bytes() + TABLE);
    }
  }
}
