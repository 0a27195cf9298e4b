package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.testkit.KernelContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Copies of all pages of a sequence between the pool and memory outside of it. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public abstract class PageTransferBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  private AttentionBatch batch;
  private PageTransfer plan;
  private Tensor pages;
  private PageBuffer buffer;

  /** For the benchmarks of both ways. */
  PageTransferBenchmark() {}

  /** What is checked before. */
  abstract KernelContract contract();

  /** The way that {@code pages} pages are copied. */
  abstract PageTransferSpec spec(KvPoolSpec pool, int pages);

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length);
    batch = new AttentionBatch(dtype, length, 1, bytes, threads, contract());
    int count = batch.pool.spec().headPages();
    plan = batch.device.attention().pageTransfer(spec(batch.pool.spec(), count), batch.pool);
    pages = batch.tensor(DType.I32, count);
    int rowPages = count / batch.tables.kvHeads();
    for (int i = 0; i < count; i++) {
      pages.setInt(i, batch.tables.page(i / rowPages, i % rowPages));
    }
    Tensor block = batch.tensor(DType.U8, PageBuffer.bytes(batch.pool, count));
    buffer = PageBuffer.over(block.segment(), batch.pool, count);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Reads all keys and values and writes as much. */
  @Benchmark
  public Tensor run() {
    plan.run(pages, buffer);
    return buffer.keys();
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
