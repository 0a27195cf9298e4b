package dev.warpwright.cuda.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.sim.LaunchReport;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@CudaTest
class AttentionCudaCostTest {
  static CaseCache cache(
      Heads heads, DType dtype, int pageSize, List<Integer> lengths, List<Integer> tokens) {
    return new CaseCache(
        new CaseRandom(1),
        new CaseCache.Plan(
            heads, dtype, pageSize, lengths, tokens, false, false, CaseCache.Order.NATURAL, 1));
  }

  /** Keys, values, scales and positions of all slots, with the tables that lead there. */
  static long slotBytes(CaseCache cache) {
    PageTables tables = cache.tables();
    long bytes = 0;
    for (int row = 0; row < tables.requests() * tables.kvHeads(); row++) {
      bytes +=
          tables.length(row) * slotBytes(cache.spec())
              + (2L + tables.pageCount(row)) * Integer.BYTES;
    }
    return bytes;
  }

  private static long slotBytes(KvPoolSpec pool) {
    long scales = pool.scaleBytes() / ((long) pool.headPages() * pool.pageSize());
    return 2L * pool.headDim() * pool.dtype().bytes() + scales + Integer.BYTES;
  }

  static Rope rope(Heads heads) {
    return Rope.rotateHalf(heads.headDim(), 1e4);
  }

  static long rotationBytes(Heads heads, int tokens) {
    return 2L * Float.BYTES * heads.headDim() * tokens;
  }

  /** Beside keys and values only positions, scales and pages are loaded, 4 or 8 bytes a lane. */
  @ParameterizedTest
  @CsvSource({
    "F16, 16, 64, 1",
    "F16, 16, 128, 4",
    "F16, 32, 128, 8",
    "F16, 64, 256, 2",
    "F32, 16, 64, 3",
    "F32, 1, 128, 7",
    "F16, 16, 128, 16",
    "F32, 16, 64, 40",
    "BF16, 16, 128, 4",
    "I8, 16, 128, 4",
    "I8, 32, 128, 8",
    "F8E4M3, 16, 64, 1",
    "F8E4M3, 64, 256, 20"
  })
  void decodeReadsKeysAndValuesOnce(
      DType dtype, int pageSize, int headDim, int group, SoftGpu gpu) {
    Heads heads = new Heads(1, 2 * group, 2, headDim);
    List<Integer> lengths = List.of(600, 130);
    int requests = lengths.size();
    CaseCache cache = cache(heads, dtype, pageSize, lengths, Collections.nCopies(requests, 1));
    PagedDecodeSpec spec = PagedDecodeSpec.causal(heads, cache.spec(), requests, 4096, rope(heads));
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor q = device.allocate(DType.F32, requests, heads.queryHeads(), headDim);
        DeviceTensor out = device.allocate(DType.F32, requests, heads.queryHeads(), headDim);
        DeviceTensor lse = device.allocate(DType.F32, requests, heads.queryHeads());
        PagedDecode plan = device.attention().pagedDecode(spec, pool)) {
      plan.update(cache.tables());
      CostCard cost =
          CostCard.of(gpu, device, () -> plan.run(0, q.tensor(), out.tensor(), lse.tensor()));
      cost.assertCosts(
          "paged_decode",
          "",
          slotBytes(cache)
              + rotationBytes(heads, requests)
              + q.tensor().bytes()
              + out.tensor().bytes()
              + lse.tensor().bytes());
    }
  }

  /** What 16 sequences share, as one request of their queries: not read once for each. */
  @Test
  void aSharedPrefixIsReadOnce(SoftGpu gpu) {
    int sequences = 16;
    Heads heads = new Heads(1, 4, 1, 128);
    CaseCache cache = cache(heads, DType.F16, 16, List.of(512), List.of(sequences));
    PageTables shared =
        new PageTables(1, 1, 16)
            .begin(1)
            .request(IntStream.range(0, sequences).map(i -> 512 + 7 * i).toArray())
            .row(512, IntStream.range(0, 32).map(i -> cache.tables().page(0, i)).toArray(), 0, 32);
    PagedPrefillSpec spec =
        PagedPrefillSpec.causal(heads, cache.spec(), 1, sequences, 512, rope(heads));
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor q = device.allocate(DType.F32, sequences, 4, 128);
        DeviceTensor out = device.allocate(DType.F32, sequences, 4, 128);
        DeviceTensor lse = device.allocate(DType.F32, sequences, 4);
        PagedPrefill plan = device.attention().pagedPrefill(spec, pool)) {
      plan.update(shared);
      CostCard cost =
          CostCard.of(gpu, device, () -> plan.run(0, q.tensor(), out.tensor(), lse.tensor()));
      long rest = q.tensor().bytes() + out.tensor().bytes() + lse.tensor().bytes();
      double most = 1.1 * (slotBytes(cache) + 2 * rest + 4 * rotationBytes(heads, sequences));
      assertTrue(cost.requestedBytes() <= most, () -> cost.requestedBytes() + " of " + most);
    }
  }

  /** Each kv head reads the table of rotations again, and each half of a key the other one. */
  @ParameterizedTest
  @CsvSource({"F16, 64, 4", "F16, 128, 8", "F32, 128, 1", "BF16, 64, 2", "I8, 128, 4"})
  void appendReadsAndWritesOnce(DType dtype, int headDim, int kvHeads, SoftGpu gpu) {
    Heads heads = new Heads(1, kvHeads, kvHeads, headDim);
    CaseCache cache = cache(heads, dtype, 16, List.of(100, 33, 7), List.of(100, 1, 5));
    int count = cache.tables().tokens();
    AppendKvSpec spec = new AppendKvSpec(heads, cache.spec(), 3, count, rope(heads));
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor k = device.allocate(DType.F32, count, kvHeads, headDim);
        DeviceTensor v = device.allocate(DType.F32, count, kvHeads, headDim);
        AppendKv plan = device.attention().appendKv(spec, pool)) {
      plan.update(cache.tables());
      CostCard cost = CostCard.of(gpu, device, () -> plan.run(0, k.tensor(), v.tensor()));
      long stored = count * kvHeads * slotBytes(cache.spec());
      cost.assertCosts(
          "append_kv",
          dtype.bytes() == 1 ? "codes" : "",
          k.tensor().bytes() + v.tensor().bytes() + rotationBytes(heads, count) + stored);
    }
  }

  /**
   * Products of 16 × 8 × 8 elements: three times as many as the formula has for F32 keys and
   * values, twice for others, whose other factor is split; a fraction more for what is masked in
   * tiles. Blocks read keys and values once each.
   */
  @ParameterizedTest
  @CsvSource({
    "F16, 128, 4",
    "F16, 64, 1",
    "F16, 256, 2",
    "F32, 64, 2",
    "F32, 128, 3",
    "F32, 256, 1",
    "BF16, 64, 4",
    "I8, 128, 4",
    "F8E4M3, 256, 1"
  })
  void prefillMultipliesVisibleTiles(DType dtype, int headDim, int group, SoftGpu gpu) {
    int before = 32;
    int count = 64;
    Heads heads = new Heads(1, group, 1, headDim);
    CaseCache cache = cache(heads, dtype, 16, List.of(before + count), List.of(count));
    PagedPrefillSpec spec =
        PagedPrefillSpec.causal(heads, cache.spec(), 1, count, 4096, rope(heads));
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor q = device.allocate(DType.F32, count, heads.queryHeads(), headDim);
        DeviceTensor out = device.allocate(DType.F32, count, heads.queryHeads(), headDim);
        DeviceTensor lse = device.allocate(DType.F32, count, heads.queryHeads());
        PagedPrefill plan = device.attention().pagedPrefill(spec, pool)) {
      plan.update(cache.tables());
      CostCard cost =
          CostCard.of(gpu, device, () -> plan.run(0, q.tensor(), out.tensor(), lse.tensor()));
      cost.assertCosts(
          "paged_prefill",
          "",
          slotBytes(cache)
              + rotationBytes(heads, count)
              + q.tensor().bytes()
              + out.tensor().bytes()
              + lse.tensor().bytes());
      long pairs = (long) group * (count * before + count * (count + 1) / 2);
      double products = pairs * 2.0 * headDim * (dtype == DType.F32 ? 3 : 2) / (16 * 8 * 8);
      long done = cost.sum(LaunchReport::tensorInstructions);
      assertTrue(
          done >= products && done <= 1.5 * products,
          () -> done + " products, " + products + " would do");
    }
  }
}
