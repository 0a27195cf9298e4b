package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.testkit.MatmulContract;
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

/** Products with dense matrices. */
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
public class MatmulBenchmark {
  @Param({"F32", "F16", "BF16"})
  private DType dtype = DType.F32;

  @Param({"1", "16", "128"})
  private int rows;

  @Param("1")
  private int threads;

  private MatrixCopies copies;

  /** Called by JMH. */
  public MatmulBenchmark() {}

  /** Makes the matrices. */
  @Setup
  public void open() {
    copies =
        new MatrixCopies(
            MatrixCopies.matrix(new WeightFormat.Dense(dtype)),
            rows,
            threads,
            NativeCode.AUTO,
            Activations.F32,
            new MatmulContract());
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
