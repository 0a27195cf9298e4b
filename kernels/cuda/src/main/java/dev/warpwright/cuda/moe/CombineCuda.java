package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;

/** Starts {@code combine.cu}. */
final class CombineCuda extends Combine {
  private static final String SOURCE = "moe/combine";
  private static final int THREADS = 128;
  private static final int WIDE = 16;

  private final CudaKernelDevice device;
  private final CudaFunction vector;
  private final CudaFunction scalar;

  CombineCuda(CudaKernelDevice device, CombineSpec spec) {
    long choices = (long) spec.maxTokens() * spec.topK();
    long row = (long) Float.BYTES * spec.columns();
    device.reserve(
        CudaRun.staged(spec.maxSlots() * row)
            + CudaRun.staged(choices * Integer.BYTES)
            + CudaRun.staged(choices * Float.BYTES)
            + CudaRun.staged(spec.maxTokens() * row));
    this.device = device;
    vector = device.function(SOURCE, "combine_vector");
    scalar = device.function(SOURCE, "combine_scalar");
    super(device, spec, 0);
  }

  @Override
  protected void execute(int tokens, Tensor h, Tensor slots, Tensor weights, Tensor y) {
    int columns = spec().columns();
    try (CudaRun run = device.begin()) {
      long from = run.input(h);
      long places = run.input(slots);
      long factors = run.input(weights);
      long to = run.output(y);
      boolean wide = (from | to | (long) Float.BYTES * columns) % WIDE == 0;
      run.arguments()
          .add(from)
          .add(places)
          .add(factors)
          .add(to)
          .add((int) h.size(0))
          .add(spec().topK())
          .add(columns);
      run.guard(KernelId.COMBINE, !slots.isHost());
      int perThread = wide ? WIDE / Float.BYTES : 1;
      int threads =
          Math.clamp(Math.ceilDiv(Math.ceilDiv(columns, perThread), 32) * 32L, 32, THREADS);
      int blocks = Math.min(LaunchGrid.MOST_BLOCKS_Y, Math.ceilDiv(columns, perThread * threads));
      run.launch(wide ? vector : scalar, new LaunchGrid(tokens, blocks, 1, threads, 1, 1, 0));
      run.complete();
    }
  }

  @Override
  protected void release() {}
}
