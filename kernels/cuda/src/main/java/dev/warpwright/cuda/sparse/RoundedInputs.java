package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.WeightFormat;

/**
 * Rows of x rounded to codes, in a part of a plan's workspace: the codes as floats, then the
 * scales.
 *
 * @param kernel what rounds
 * @param offset where the part begins
 * @param maxRows most rows
 * @param inputs columns of x
 * @param groupSize columns of a group
 */
record RoundedInputs(CudaFunction kernel, long offset, int maxRows, int inputs, int groupSize) {
  private static final int THREADS = 256;

  /** Columns that a thread rounds. */
  private static final int OWN = 4;

  static RoundedInputs of(CudaKernelDevice device, MatrixProductSpec spec, long offset) {
    Grouping grouping = ((WeightFormat.Quant) spec.format()).grouping();
    CudaFunction kernel = device.function("sparse/quant_matmul", "quant_matmul_round");
    return new RoundedInputs(kernel, offset, spec.maxRows(), spec.inputs(), grouping.size());
  }

  private int groups() {
    return Math.ceilDiv(inputs, groupSize);
  }

  private long codeBytes() {
    return MatrixForm.room((long) maxRows * inputs * Float.BYTES);
  }

  /** Bytes of the part. */
  long bytes() {
    return codeBytes() + (long) maxRows * groups() * Float.BYTES;
  }

  /** Address of the codes. */
  long codes(long workspace) {
    return workspace + offset;
  }

  /** Address of the scales. */
  long scales(long workspace) {
    return workspace + offset + codeBytes();
  }

  /** Rounds. */
  void launch(CudaRun run, long x, int rows, long workspace) {
    long threads = (long) rows * groups() * (groupSize / OWN);
    run.arguments()
        .add(x)
        .add(codes(workspace))
        .add(scales(workspace))
        .add(rows)
        .add(inputs)
        .add(groups())
        .add(groupSize);
    run.launch(kernel, LaunchGrid.of(Math.toIntExact(Math.ceilDiv(threads, THREADS)), THREADS));
  }
}
