package dev.warpwright.bench;

import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.testkit.QuantMatmulContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Products with symmetric 4-bit matrices. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class QuantMatmulBenchmark extends KernelBenchmark {
  @Param({"16", "32", "128"})
  private int group;

  @Param({"1", "16", "128"})
  private int rows;

  @Param private Activations activations = Activations.F32;

  @Param("1")
  private int threads;

  @Param({"AUTO", "OFF"})
  private NativeCode nativeCode = NativeCode.AUTO;

  private MatrixCopies copies;

  /** Called by JMH. */
  public QuantMatmulBenchmark() {}

  /** Makes the matrices. */
  @Setup
  public void open() {
    copies =
        new MatrixCopies(
            MatrixCopies.matrix(new WeightFormat.Quant(Grouping.w4(group))),
            rows,
            threads,
            nativeCode,
            activations,
            new QuantMatmulContract());
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
