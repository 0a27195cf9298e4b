package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.SelectTokensContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Choice of an eighth of the slots by their scores. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class SelectTokensBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;
  private SelectTokens plan;
  private Tensor scores;
  private Tensor budgets;
  private Tensor kept;

  /** Called by JMH. */
  public SelectTokensBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    int rows = AttentionBatch.HEADS.kvHeads();
    batch =
        new AttentionBatch(
            DType.F16, length, 1, 4L * length * rows, threads, new SelectTokensContract());
    SelectTokensSpec spec =
        new SelectTokensSpec(AttentionBatch.HEADS, batch.pool.spec(), 1, length, 4, 64);
    plan = batch.device.attention().selectTokens(spec, batch.pool);
    plan.update(batch.tables);
    scores = batch.tensor(DType.F32, batch.tables.slots(0));
    CaseRandom random = new CaseRandom(1);
    for (long i = 0; i < scores.elements(); i++) {
      scores.setFloat(i, Math.abs(random.normal()));
    }
    budgets = batch.tensor(DType.I32, 1, rows);
    for (int row = 0; row < rows; row++) {
      budgets.setInt(row, length / 8);
    }
    kept = batch.tensor(DType.I32, batch.tables.slots(0));
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Chooses. */
  @Benchmark
  public Tensor run() {
    plan.run(0, scores, budgets, kept);
    return kept;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
