package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.ScoreAccumulateContract;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Collection of the scores of a step: bound by memory, in scattered pages. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 3,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-XX:+UseTransparentHugePages"
    })
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class ScoreAccumulateBenchmark {
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
