package dev.warpwright.bench;

import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.Pruning;
import dev.warpwright.testkit.GroupSparseMatmulContract;
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

/** Products with pruned symmetric 4-bit matrices; compare with {@link QuantMatmulBenchmark}. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 3,
    jvmArgsAppend = {
      "-Xmx4g",
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-XX:+UseTransparentHugePages"
    })
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class GroupSparseMatmulBenchmark {
  @Param({"16", "32"})
  private int group;

  @Param({"0.5", "0.75"})
  private double sparsity;

  @Param private Pruning.Scope scope = Pruning.Scope.PER_ROW;

  @Param({"1", "16", "128"})
  private int rows;

  @Param("1")
  private int threads;

  @Param({"AUTO", "OFF"})
  private NativeCode nativeCode = NativeCode.AUTO;

  private MatrixCopies copies;

  /** Called by JMH. */
  public GroupSparseMatmulBenchmark() {}

  /** Makes the matrices. */
  @Setup
  public void open() {
    copies =
        new MatrixCopies(
            Pruning.magnitude(MatrixCopies.dense(), Grouping.w4(group), sparsity, scope),
            rows,
            threads,
            nativeCode,
            Activations.F32,
            new GroupSparseMatmulContract());
  }

  /** Frees them. */
  @TearDown
  public void close() {
    copies.close();
  }

  /** One product. */
  @Benchmark
  public Tensor product() {
    return copies.multiply();
  }

  /** Reads as many bytes as the matrix has in canonical form. */
  @Benchmark
  public float read() {
    return copies.read();
  }
}
