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

/** Statistics of the last 32 queries of a prompt: bound by their products with all keys. */
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
public class WindowScoresBenchmark {
  private static final int WINDOW = 32;

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
    long bytes = AttentionBatch.cacheBytes(DType.F32, length) / 2;
    batch =
        new AttentionBatch(DType.F32, length, WINDOW, bytes, threads, new WindowScoresContract());
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
