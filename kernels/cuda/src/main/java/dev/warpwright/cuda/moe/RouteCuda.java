package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import org.jspecify.annotations.Nullable;

/** Starts {@code route.cu}. */
final class RouteCuda extends Route {
  private static final String SOURCE = "moe/route";
  private static final int WARP = 32;
  private static final int WARPS = 4;
  private static final int WIDE = 4;

  /** Workspace for so many experts that a warp's scores do not fit into shared memory, at most. */
  private static final long MOST_WORKSPACE = 64 << 20;

  private final CudaKernelDevice device;
  private final CudaFunction vector;
  private final CudaFunction scalar;
  private final @Nullable DeviceBuffer workspace;
  private final int workspaceWarps;

  RouteCuda(CudaKernelDevice device, RouteSpec spec) {
    this.device = device;
    long logits = (long) Float.BYTES * spec.maxTokens() * spec.experts();
    long choices = (long) spec.maxTokens() * spec.topK();
    device.reserve(
        CudaRun.staged(logits)
            + CudaRun.staged((long) Float.BYTES * spec.experts())
            + CudaRun.staged(choices * Integer.BYTES)
            + CudaRun.staged(choices * Float.BYTES));
    vector = device.function(SOURCE, "route_vector");
    scalar = device.function(SOURCE, "route_scalar");
    long most = Math.max(warpBytes(spec, 1), warpBytes(spec, WIDE));
    int warps =
        most <= LaunchGrid.COMMON_SHARED
            ? 0
            : (int) Math.min(spec.maxTokens(), Math.max(1, MOST_WORKSPACE / most));
    workspace = warps == 0 ? null : device.workspace(warps * most, "a plan of route");
    super(device, spec, warps * most);
    workspaceWarps = warps;
  }

  /** Lanes of a token where each takes {@code wide} neighbouring experts. */
  private static int lanes(RouteSpec spec, int wide) {
    int needed = Math.ceilDiv(spec.experts(), wide);
    return needed >= WARP ? WARP : Integer.highestOneBit(2 * needed - 1);
  }

  private static long warpBytes(RouteSpec spec, int wide) {
    int lanes = lanes(spec, wide);
    long rows = (long) Math.ceilDiv(spec.experts(), wide * lanes) * wide;
    return (2 * rows + Math.ceilDiv(spec.groups(), lanes)) * WARP * Integer.BYTES;
  }

  @Override
  protected void execute(
      int tokens, Tensor logits, @Nullable Tensor bias, Tensor ids, Tensor weights) {
    try (CudaRun run = device.begin()) {
      long from = run.input(logits);
      long biases = bias == null ? 0 : run.input(bias);
      long chosen = run.output(ids);
      long factors = run.output(weights);
      boolean aligned = from % (WIDE * Float.BYTES) == 0 && spec().experts() % WIDE == 0;
      int wide = aligned ? WIDE : 1;
      int lanes = lanes(spec(), wide);
      DeviceBuffer memory = workspace;
      run.arguments()
          .add(from)
          .add(biases)
          .add(chosen)
          .add(factors)
          .add(memory == null ? 0L : memory.address())
          .add(tokens)
          .add(spec().experts())
          .add(spec().topK())
          .add(spec().groups())
          .add(spec().keptGroups())
          .add(spec().scoring() == RouteSpec.Scoring.SOFTMAX ? 1 : 0)
          .add(spec().renormalise() ? 1 : 0)
          .add(spec().scale())
          .add(lanes);
      run.launch(aligned ? vector : scalar, grid(tokens, lanes, warpBytes(spec(), wide)));
      run.complete();
    }
  }

  private LaunchGrid grid(int tokens, int lanes, long warpBytes) {
    if (workspace != null) {
      return LaunchGrid.of(Math.min(tokens, workspaceWarps), WARP);
    }
    int warps = WARPS * warpBytes <= LaunchGrid.COMMON_SHARED ? WARPS : 1;
    int blocks = Math.ceilDiv(Math.ceilDiv(tokens, WARP / lanes), warps);
    return LaunchGrid.of(blocks, warps * WARP).withShared((int) (warps * warpBytes));
  }

  @Override
  protected void release() {
    Resources.close(workspace);
  }
}
