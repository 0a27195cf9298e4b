package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.testkit.PageBoundsContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Bounds of all pages of a sequence. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class PageBoundsBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;

  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  private PageBounds plan;
  private Tensor bounds;

  /** Called by JMH. */
  public PageBoundsBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length) / 2;
    batch = new AttentionBatch(dtype, length, 1, bytes, threads, new PageBoundsContract());
    PageBoundsSpec spec =
        new PageBoundsSpec(
            AttentionBatch.HEADS, batch.pool.spec(), 1, PageBoundsSpec.Scope.ALL_TOKENS);
    plan = batch.device.attention().pageBounds(spec, batch.pool);
    plan.update(batch.tables);
    int headDim = AttentionBatch.HEADS.headDim();
    bounds = batch.tensor(DType.F32, batch.pool.spec().headPages(), 2, headDim);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Reads all keys. */
  @Benchmark
  public Tensor run() {
    plan.run(0, bounds);
    return bounds;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
