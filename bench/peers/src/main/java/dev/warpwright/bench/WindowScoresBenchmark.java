package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import dev.warpwright.testkit.WindowScoresContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Statistics of the last 32 queries of a prompt: bound by their products with all keys. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class WindowScoresBenchmark extends KernelBenchmark {
  private static final int WINDOW = 32;

  @Param({"F32", "F16", "BF16", "I8", "F8E4M3"})
  private DType dtype = DType.F32;

  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;
  private WindowScores plan;
  private Tensor q;
  private Tensor lse;
  private Tensor sum;
  private WindowStatistics result;

  /** Called by JMH. */
  public WindowScoresBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length) / 2;
    batch = new AttentionBatch(dtype, length, WINDOW, bytes, threads, new WindowScoresContract());
    plan =
        batch
            .device
            .attention()
            .windowScores(
                new WindowScoresSpec(
                    AttentionBatch.HEADS,
                    batch.pool.spec(),
                    1,
                    WINDOW,
                    length,
                    WINDOW,
                    AttentionBatch.ROPE,
                    0.1f,
                    Masking.CAUSAL,
                    ScoreReduction.SUM),
                batch.pool);
    plan.update(batch.tables);
    int queryHeads = AttentionBatch.HEADS.queryHeads();
    q = AttentionBatch.normals(WINDOW, queryHeads);
    lse = batch.tensor(DType.F32, WINDOW, queryHeads);
    for (long i = 0; i < lse.elements(); i++) {
      lse.setFloat(i, (float) Math.log(length));
    }
    long slots = batch.tables.slots(0);
    sum = batch.tensor(DType.F32, slots);
    result =
        new WindowStatistics(
            sum, null, batch.tensor(DType.F32, slots), batch.tensor(DType.F32, slots));
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Sum, variance and entropy. */
  @Benchmark
  public Tensor run() {
    plan.run(0, q, AttentionBias.NONE, lse, result);
    return sum;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
