package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.MergeSimilarKvContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Merging of the slots of a sequence, none of whose neighbours are similar, or half of them. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class MergeSimilarKvBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;

  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  /** Least cosine: 1 reads keys only, 0 merges about half of them. */
  @Param({"1", "0"})
  private double threshold;

  private MergeSimilarKv plan;
  private SlotArray counts;
  private Tensor scores;
  private Tensor kept;
  private Tensor lengths;

  /** Called by JMH. */
  public MergeSimilarKvBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length) / 2;
    batch = new AttentionBatch(dtype, length, 1, bytes, threads, new MergeSimilarKvContract());
    counts = batch.pool.attach("counts", 1, 0);
    MergeSimilarKvSpec spec =
        new MergeSimilarKvSpec(AttentionBatch.HEADS, batch.pool.spec(), 1, threshold, 0, 0);
    plan = batch.device.attention().mergeSimilarKv(spec, batch.pool, counts);
    plan.update(batch.tables);
    scores = batch.tensor(DType.F32, batch.tables.slots(0));
    kept = batch.tensor(DType.I32, batch.tables.slots(0));
    lengths = batch.tensor(DType.I32, 1, AttentionBatch.HEADS.kvHeads());
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    counts.close();
    batch.close();
  }

  /** Reads all keys, and what is merged twice more, with its values. */
  @Benchmark
  public Tensor run() {
    plan.run(0, scores, kept, lengths);
    return kept;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
