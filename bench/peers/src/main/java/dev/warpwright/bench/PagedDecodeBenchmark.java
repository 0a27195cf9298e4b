package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.testkit.PagedDecodeContract;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Attention of one new token: bound by reading all keys and values. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class PagedDecodeBenchmark extends KernelBenchmark {
  @Param({"F32", "F16", "BF16", "I8", "F8E4M3"})
  private DType dtype = DType.F32;

  @Param({"1024", "4096", "16384"})
  private int length;

  @Param("1")
  private int threads;

  @Param({"AUTO", "OFF"})
  private NativeCode nativeCode = NativeCode.AUTO;

  /** {@code SUM} gives the score of each key in the same pass. */
  @Param("NONE")
  private ScoreReduction scores = ScoreReduction.NONE;

  private AttentionBatch batch;
  private PagedDecode decode;
  private Tensor q;
  private Tensor out;
  private @Nullable Tensor scoresOut;

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
                        AttentionBatch.HEADS, batch.pool.spec(), 1, length, AttentionBatch.ROPE)
                    .withScores(scores),
                batch.pool);
    decode.update(batch.tables);
    q = AttentionBatch.normals(1, AttentionBatch.HEADS.queryHeads());
    out =
        batch.tensor(
            DType.F32, 1, AttentionBatch.HEADS.queryHeads(), AttentionBatch.HEADS.headDim());
    scoresOut =
        scores == ScoreReduction.NONE ? null : batch.tensor(DType.F32, batch.tables.slots(0));
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
    decode.run(0, q, AttentionBias.NONE, out, null, scoresOut);
    return out;
  }

  /** Reads as many bytes as the keys and values have: the floor. */
  @Benchmark
  public float read() {
    return batch.read();
  }
}
