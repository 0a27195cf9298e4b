package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.testkit.PagedDecodeContract;
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

/** Attention of one new token: bound by reading all keys and values. */
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
public class PagedDecodeBenchmark {
  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  @Param({"1024", "4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  @Param({"AUTO", "OFF"})
  private NativeCode nativeCode = NativeCode.AUTO;

  private AttentionBatch batch;
  private PagedDecode decode;
  private Tensor q;
  private Tensor out;

  /** Called by JMH. */
  public PagedDecodeBenchmark() {}

  /** Fills the pages and makes the plan. */
  @Setup
  public void open() {
    long bytes = AttentionBatch.cacheBytes(dtype, length);
    batch =
        new AttentionBatch(dtype, length, 1, bytes, nativeCode, threads, new PagedDecodeContract());
    decode =
        batch
            .device
            .attention()
            .pagedDecode(
                PagedDecodeSpec.causal(
                    AttentionBatch.HEADS, batch.pool.spec(), 1, length, AttentionBatch.ROPE),
                batch.pool);
    decode.update(batch.tables);
    q = AttentionBatch.normals(1, AttentionBatch.HEADS.queryHeads());
    out =
        batch.tensor(
            DType.F32, 1, AttentionBatch.HEADS.queryHeads(), AttentionBatch.HEADS.headDim());
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    decode.close();
    batch.close();
  }

  /** Attends to all slots. */
  @Benchmark
  public Tensor decode() {
    decode.run(0, q, out, null);
    return out;
  }

  /** Reads as many bytes as the keys and values have: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
