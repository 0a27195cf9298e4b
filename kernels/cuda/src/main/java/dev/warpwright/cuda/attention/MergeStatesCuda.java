package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import org.jspecify.annotations.Nullable;

/** Starts {@code merge_states.cu}. */
final class MergeStatesCuda extends MergeStates {
  private static final int THREADS = 256;

  /** Elements that a thread merges. */
  private static final int QUAD = 4;

  private final CudaKernelDevice device;
  private final CudaFunction merge;

  MergeStatesCuda(CudaKernelDevice device, MergeStatesSpec spec) {
    long heads = (long) Float.BYTES * spec.maxTokens() * spec.queryHeads();
    device.reserve(
        CudaRun.staged(heads * spec.states() * spec.headDim())
            + CudaRun.staged(heads * spec.states())
            + CudaRun.staged(heads * spec.headDim())
            + CudaRun.staged(heads));
    this.device = device;
    merge = device.function("attention/merge_states", "merge_states");
    super(device, spec, 0);
  }

  @Override
  protected void execute(int tokens, Tensor outs, Tensor lses, Tensor out, @Nullable Tensor lse) {
    int heads = tokens * spec().queryHeads();
    long quads = (long) heads * (spec().headDim() / QUAD);
    try (CudaRun run = device.begin()) {
      run.arguments()
          .add(run.input(outs))
          .add(run.input(lses))
          .add(run.output(out))
          .add(lse == null ? 0 : run.output(lse))
          .add(spec().states())
          .add(heads)
          .add(spec().headDim());
      run.launch(
          merge,
          new LaunchGrid(Math.toIntExact(Math.ceilDiv(quads, THREADS)), 1, 1, THREADS, 1, 1, 0));
      run.complete();
    }
  }

  @Override
  protected void release() {}
}
