package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.testkit.AppendKvContract;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Rotates and stores new keys and values; many tokens are bound by reading and writing them. */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class AppendKvBenchmark extends KernelBenchmark {
  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  @Param({"1", "4096"})
  private int tokens;

  @Param("1")
  private int threads;

  private AttentionBatch batch;
  private AppendKv append;
  private Tensor kv;

  /** Called by JMH. */
  public AppendKvBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes =
        2L
            * tokens
            * AttentionBatch.HEADS.kvHeads()
            * AttentionBatch.HEADS.headDim()
            * DType.F32.bytes();
    batch = new AttentionBatch(dtype, tokens, tokens, bytes, threads, new AppendKvContract());
    append =
        batch
            .device
            .attention()
            .appendKv(
                new AppendKvSpec(
                    AttentionBatch.HEADS, batch.pool.spec(), 1, tokens, AttentionBatch.ROPE),
                batch.pool);
    append.update(batch.tables);
    kv = AttentionBatch.normals(tokens, AttentionBatch.HEADS.kvHeads());
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    append.close();
    batch.close();
  }

  /** Stores all tokens. */
  @Benchmark
  public Tensor append() {
    append.run(0, kv, kv);
    return kv;
  }

  /** Reads as many bytes as new keys and values have, 4 MiB at least: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
