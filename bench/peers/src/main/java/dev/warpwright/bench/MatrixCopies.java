package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import dev.warpwright.testkit.KernelContract;
import java.util.stream.Stream;

/**
 * Copies of one matrix of 14336 × 4096, together much larger than any cache. An operation
 * multiplies by one of them, in turn, so its weights come from memory; beside them a buffer of as
 * many bytes as the copies have in canonical form, of which an operation reads one matrix's.
 */
final class MatrixCopies implements AutoCloseable {
  private static final int OUTPUTS = 14336;
  private static final int INPUTS = 4096;
  private static final long BYTES = 320L << 20;

  private final KernelDevice device;
  private final PreparedMatrix[] matrices;
  private final MatrixProduct product;
  private final ReadBandwidth bandwidth;
  private final Tensor x;
  private final Tensor y;
  private int turn;

  /** Holds the device to {@code contract} first. */
  MatrixCopies(
      WeightMatrix matrix,
      int rows,
      int threads,
      NativeCode nativeCode,
      Activations activations,
      KernelContract contract) {
    device = MeasuredDevice.cpu(nativeCode, threads, contract);
    long copies = (BYTES + matrix.bytes() - 1) / matrix.bytes();
    matrices =
        Stream.generate(() -> device.sparse().prepare(matrix))
            .limit(copies)
            .toArray(PreparedMatrix[]::new);
    product =
        device.sparse().product(MatrixProductSpec.of(rows, matrix).withActivations(activations));
    bandwidth = new ReadBandwidth(copies * matrix.bytes(), threads);
    x = Tensor.wrap(new CaseRandom(2).normals(rows * INPUTS, 1), rows, INPUTS);
    y = Tensor.wrap(new float[rows * OUTPUTS], rows, OUTPUTS);
  }

  /** Random weights of a format. */
  static WeightMatrix matrix(WeightFormat format) {
    return CaseWeights.matrix(new CaseRandom(1), OUTPUTS, INPUTS, format);
  }

  /** Normally distributed weights, as F32. */
  static WeightMatrix dense() {
    return matrix(new WeightFormat.Dense(DType.F32));
  }

  /** Multiplies x by the next copy. */
  Tensor multiply() {
    turn = (turn + 1) % matrices.length;
    product.run(matrices[turn], x, y);
    return y;
  }

  /** Reads as many bytes as one matrix has in canonical form. */
  float read() {
    turn = (turn + 1) % matrices.length;
    return bandwidth.read(turn, matrices.length);
  }

  @Override
  public void close() {
    product.close();
    for (PreparedMatrix matrix : matrices) {
      matrix.close();
    }
    device.close();
    bandwidth.close();
  }
}
