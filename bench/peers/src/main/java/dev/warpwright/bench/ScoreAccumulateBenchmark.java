package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.ScoreAccumulateContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Collection of the scores of a step: bound by memory, in scattered pages. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class ScoreAccumulateBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;

  @Param({"SUM", "MOMENTS"})
  private Statistic statistic = Statistic.SUM;

  private ScoreAccumulate plan;
  private SlotArray array;
  private Tensor scores;

  /** Called by JMH. */
  public ScoreAccumulateBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = 4L * length * AttentionBatch.HEADS.kvHeads() * (1 + statistic.width());
    batch = new AttentionBatch(DType.F16, length, 1, bytes, threads, new ScoreAccumulateContract());
    array = batch.pool.attach("scores", statistic.width(), 0);
    ScoreAccumulateSpec spec =
        new ScoreAccumulateSpec(AttentionBatch.HEADS, batch.pool.spec(), 1, statistic, false, 1);
    plan = batch.device.attention().scoreAccumulate(spec, batch.pool, array);
    plan.update(batch.tables);
    scores = batch.tensor(DType.F32, batch.tables.slots(0));
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    array.close();
    batch.close();
  }

  /** Adds the scores of one step. */
  @Benchmark
  public Tensor run() {
    plan.run(0, scores, null);
    return array.tensor();
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
