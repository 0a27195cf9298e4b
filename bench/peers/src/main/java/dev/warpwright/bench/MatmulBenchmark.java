package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.testkit.MatmulContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Products with dense matrices. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class MatmulBenchmark extends KernelBenchmark {
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
