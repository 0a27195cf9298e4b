package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;

/** Starts {@code rms_norm.cu}. */
final class RmsNormCuda extends RmsNorm {
  private static final String SOURCE = "attention/rms_norm";

  /** Elements that a thread keeps in registers. */
  private static final int KEPT = 16;

  private static final int WARP = 32;
  private static final int MOST_THREADS = 1024;

  /** Bytes of the loads of the fast kernel. */
  private static final int WIDE = 16;

  private final CudaKernelDevice device;
  private final CudaFunction vector;
  private final CudaFunction scalar;
  private final int threads;
  private final int rowsPerBlock;

  RmsNormCuda(CudaKernelDevice device, RmsNormSpec spec) {
    long row = (long) Float.BYTES * spec.columns();
    device.reserve(2 * CudaRun.staged(spec.maxRows() * row) + CudaRun.staged(row));
    this.device = device;
    vector = device.function(SOURCE, "rms_norm_vector");
    scalar = device.function(SOURCE, "rms_norm_scalar");
    super(device, spec, 0);
    int wanted = Math.ceilDiv(Math.ceilDiv(spec.columns(), KEPT), WARP) * WARP;
    threads = Math.min(MOST_THREADS, wanted);
    rowsPerBlock = threads == WARP ? 4 : 1;
  }

  @Override
  protected void execute(int rows, Tensor x, Tensor weight, Tensor y) {
    try (CudaRun run = device.begin()) {
      long from = run.input(x);
      long factors = run.input(weight);
      long to = run.output(y);
      int columns = spec().columns();
      boolean wide = (from | factors | to | (long) Float.BYTES * columns) % WIDE == 0;
      run.arguments().add(from).add(factors).add(to).add(rows).add(columns).add(spec().epsilon());
      run.launch(
          wide ? vector : scalar,
          new LaunchGrid(Math.ceilDiv(rows, rowsPerBlock), 1, 1, threads, rowsPerBlock, 1, 0));
      run.complete();
    }
  }

  @Override
  protected void release() {}
}
