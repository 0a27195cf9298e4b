package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.testkit.PageBoundsContract;
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

/** Bounds of all pages of a sequence. */
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
public class PageBoundsBenchmark {
  @Param({"4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  private AttentionBatch batch;

  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  private PageBounds plan;
  private Tensor bounds;

  /** Called by JMH. */
  public PageBoundsBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length) / 2;
    batch = new AttentionBatch(dtype, length, 1, bytes, threads, new PageBoundsContract());
    PageBoundsSpec spec =
        new PageBoundsSpec(
            AttentionBatch.HEADS, batch.pool.spec(), 1, PageBoundsSpec.Scope.ALL_TOKENS);
    plan = batch.device.attention().pageBounds(spec, batch.pool);
    plan.update(batch.tables);
    int headDim = AttentionBatch.HEADS.headDim();
    bounds = batch.tensor(DType.F32, batch.pool.spec().headPages(), 2, headDim);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    plan.close();
    batch.close();
  }

  /** Reads all keys. */
  @Benchmark
  public Tensor run() {
    plan.run(0, bounds);
    return bounds;
  }

  /** Reads as many bytes as the kernel must: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
