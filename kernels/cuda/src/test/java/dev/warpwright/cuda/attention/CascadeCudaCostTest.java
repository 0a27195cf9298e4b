package dev.warpwright.cuda.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
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
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What sequences that share a prefix ask of memory for it, together and each for itself. */
@CudaTest
class CascadeCudaCostTest {
  private static final int READERS = 16;
  private static final int PREFIX = 256;
  private static final int SECTOR = 32;
  private static final Heads HEADS = new Heads(1, 2, 1, 128);
  private static final Rope ROPE = Rope.rotateHalf(128, 1e4);

  /** Keys and values of the prefix. */
  private static final long BYTES = 2L * PREFIX * 128 * DType.F16.bytes();

  private final CaseCache prefix =
      new CaseCache(
          new CaseRandom(1),
          new CaseCache.Plan(
              HEADS,
              DType.F16,
              16,
              List.of(PREFIX),
              List.of(1),
              false,
              false,
              CaseCache.Order.NATURAL,
              1));

  /** The row of the prefix, once for each of some requests. */
  private PageTables tables(int requests) {
    PageTables tables = new PageTables(1, 1, 16).begin(requests);
    int[] positions = IntStream.range(0, READERS).map(i -> PREFIX + 3 * i).toArray();
    if (requests == 1) {
      tables.request(positions);
    } else {
      Arrays.stream(positions).forEach(position -> tables.request(1, position));
    }
    PageTables whole = prefix.tables();
    int[] pages = IntStream.range(0, whole.pageCount(0)).map(i -> whole.page(0, i)).toArray();
    for (int i = 0; i < requests; i++) {
      tables.row(PREFIX, pages, 0, pages.length);
    }
    return tables;
  }

  @Test
  void aPrefixOfSixteenIsReadOnce(SoftGpu gpu) {
    PagedPrefillSpec together =
        PagedPrefillSpec.causal(HEADS, prefix.spec(), 1, READERS, 4096, ROPE);
    PagedDecodeSpec apart = PagedDecodeSpec.causal(HEADS, prefix.spec(), READERS, 4096, ROPE);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = prefix.load(device, memory);
        DeviceTensor q = device.allocate(DType.F32, READERS, 2, 128);
        DeviceTensor out = device.allocate(DType.F32, READERS, 2, 128);
        DeviceTensor lse = device.allocate(DType.F32, READERS, 2);
        PagedPrefill shared = device.attention().pagedPrefill(together, pool);
        PagedDecode each = device.attention().pagedDecode(apart, pool)) {
      shared.update(tables(1));
      each.update(tables(READERS));
      CostCard once =
          CostCard.of(gpu, device, () -> shared.run(0, q.tensor(), out.tensor(), lse.tensor()));
      CostCard often =
          CostCard.of(gpu, device, () -> each.run(0, q.tensor(), out.tensor(), lse.tensor()));
      long read = SECTOR * once.sum(LaunchReport::globalLoadSectors);
      // Beside keys and values: positions, queries, rotations and tables.
      long beside = 4L * PREFIX + 2 * q.tensor().bytes() + 8L * 128 * READERS;
      assertTrue(read >= BYTES && read <= BYTES + 2 * beside, () -> read + " of " + BYTES);
      long readOften = SECTOR * often.sum(LaunchReport::globalLoadSectors);
      assertTrue(readOften >= READERS * BYTES, () -> readOften + " of " + READERS * BYTES);
    }
  }
}
