package dev.warpwright.bench;

import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.Pruning;
import dev.warpwright.testkit.GroupSparseMatmulContract;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Products with pruned symmetric 4-bit matrices; compare with {@link QuantMatmulBenchmark}. */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class GroupSparseMatmulBenchmark extends KernelBenchmark {
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
