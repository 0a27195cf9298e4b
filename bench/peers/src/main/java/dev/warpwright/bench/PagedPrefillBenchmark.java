package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.testkit.PagedPrefillContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Attention of a prompt of new tokens to themselves: bound by arithmetic. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class PagedPrefillBenchmark extends KernelBenchmark {
  @Param({"F32", "F16", "BF16", "I8", "F8E4M3"})
  private DType dtype = DType.F32;

  @Param({"128", "1024"})
  private int tokens;

  @Param("1")
  private int threads;

  private AttentionBatch batch;
  private PagedPrefill prefill;
  private Tensor q;
  private Tensor out;

  /** Called by JMH. */
  public PagedPrefillBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, tokens);
    batch = new AttentionBatch(dtype, tokens, tokens, bytes, threads, new PagedPrefillContract());
    prefill =
        batch
            .device
            .attention()
            .pagedPrefill(
                PagedPrefillSpec.causal(
                    AttentionBatch.HEADS,
                    batch.pool.spec(),
                    1,
                    tokens,
                    tokens,
                    AttentionBatch.ROPE),
                batch.pool);
    prefill.update(batch.tables);
    q = AttentionBatch.normals(tokens, AttentionBatch.HEADS.queryHeads());
    out =
        batch.tensor(
            DType.F32, tokens, AttentionBatch.HEADS.queryHeads(), AttentionBatch.HEADS.headDim());
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    prefill.close();
    batch.close();
  }

  /** Attends with all tokens. */
  @Benchmark
  public Tensor prefill() {
    prefill.run(0, q, out, null);
    return out;
  }

  /** Reads as many bytes as the keys and values have, 4 MiB at least. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
