package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.testkit.ScorePagesContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Scores of all pages of a sequence by their bounds. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class ScorePagesBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;

  private ScorePages plan;
  private Tensor q;
  private Tensor bounds;
  private Tensor scores;

  /** Called by JMH. */
  public ScorePagesBenchmark() {}

  /** Draws bounds and makes the plan. */
  @Setup
  public void open() {
    // Two numbers of four bytes an element and page of 16.
    long bytes = AttentionBatch.cacheBytes(DType.F32, length) / 16;
    batch = new AttentionBatch(DType.F32, length, 1, bytes, threads, new ScorePagesContract());
    ScorePagesSpec spec =
        ScorePagesSpec.bound(AttentionBatch.HEADS, batch.pool.spec(), 1, AttentionBatch.ROPE);
    plan = batch.device.attention().scorePages(spec, batch.pool);
    plan.update(batch.tables);
    q = AttentionBatch.normals(1, AttentionBatch.HEADS.queryHeads());
    int headDim = AttentionBatch.HEADS.headDim();
    bounds = batch.tensor(DType.F32, batch.pool.spec().headPages(), 2, headDim);
    for (int i = 0; i < bounds.elements(); i++) {
      bounds.setFloat(i, i % 7 - 3);
    }
    scores = batch.tensor(DType.F32, batch.tables.usedPages(0));
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Reads all bounds. */
  @Benchmark
  public Tensor run() {
    plan.run(0, q, bounds, scores);
    return scores;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
