package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.testkit.CompactKvContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Move of half of the slots to the beginning of their rows. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class CompactKvBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;

  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  /** Which slots are kept: whole pages, or such that those of a page come from several. */
  @Param({"SECOND_HALF", "EVERY_OTHER"})
  private Kept keeps = Kept.SECOND_HALF;

  private CompactKv plan;
  private Tensor kept;

  /** Which half of the slots. */
  public enum Kept {
    /** The later ones. */
    SECOND_HALF,
    /** Each second one. */
    EVERY_OTHER
  }

  /** Called by JMH. */
  public CompactKvBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length);
    batch = new AttentionBatch(dtype, length, 1, bytes, threads, new CompactKvContract());
    CompactKvSpec spec = new CompactKvSpec(AttentionBatch.HEADS, batch.pool.spec(), 1);
    plan = batch.device.attention().compactKv(spec, batch.pool);
    PageTables from = batch.tables;
    PageTables to = new PageTables(1, from.kvHeads(), from.pageSize()).begin(1).request(1, 0);
    kept = batch.tensor(DType.I32, from.slots(0));
    for (int row = 0; row < from.kvHeads(); row++) {
      int[] pages = new int[length / 2 / from.pageSize()];
      for (int i = 0; i < pages.length; i++) {
        pages[i] = from.page(row, i);
      }
      to.row(length / 2, pages, 0, pages.length);
      for (int i = 0; i < length / 2; i++) {
        int slot = keeps == Kept.SECOND_HALF ? length / 2 + i : 2 * i + 1;
        kept.setInt(from.slotStart(row) + i, slot);
      }
    }
    plan.update(from, to);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Reads half of all keys and values and writes as much. */
  @Benchmark
  public Tensor run() {
    plan.run(0, kept);
    return kept;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
