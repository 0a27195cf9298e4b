package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.testkit.RerotateKeysContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Turn of all keys of a sequence by the same number of positions. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class RerotateKeysBenchmark extends KernelBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;

  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  private RerotateKeys plan;
  private Tensor there;
  private Tensor back;

  /** Called by JMH. */
  public RerotateKeysBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length) / 2;
    batch = new AttentionBatch(dtype, length, 1, bytes, threads, new RerotateKeysContract());
    plan =
        batch
            .device
            .attention()
            .rerotateKeys(
                new RerotateKeysSpec(
                    AttentionBatch.HEADS, batch.pool.spec(), 1, AttentionBatch.ROPE),
                batch.pool);
    plan.update(batch.tables);
    there = batch.tensor(DType.I32, batch.tables.slots(0));
    back = batch.tensor(DType.I32, batch.tables.slots(0));
    for (int i = 0; i < there.elements(); i++) {
      there.setInt(i, 1000 + i % length);
      back.setInt(i, i % length);
    }
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Reads all keys and writes as much, there and, the next time, back. */
  @Benchmark
  public Tensor run() {
    Tensor to = there;
    there = back;
    back = to;
    plan.run(0, to);
    return to;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
