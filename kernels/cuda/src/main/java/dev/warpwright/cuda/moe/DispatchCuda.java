package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;

/** Starts {@code dispatch.cu}: count, offsets, place. */
final class DispatchCuda extends Dispatch {
  private static final String SOURCE = "moe/dispatch";
  private static final int WARP = 32;
  private static final int SCAN_THREADS = 1024;

  /** Choices that a warp counts at least: below that the counters cost more than the choices. */
  private static final int LEAST_PIECE = 512;

  /** Pieces at most: one block adds up their counts. */
  private static final int MOST_PIECES = 256;

  /** Counters at most, of all pieces, so that very many experts do not take all memory. */
  private static final long MOST_COUNTERS = 1 << 24;

  private final CudaKernelDevice device;
  private final CudaFunction count;
  private final CudaFunction sum;
  private final CudaFunction place;
  private final DeviceBuffer workspace;
  private final int piece;

  DispatchCuda(CudaKernelDevice device, DispatchSpec spec) {
    this.device = device;
    int choices = spec.maxTokens() * spec.topK();
    device.reserve(
        2 * CudaRun.staged((long) Integer.BYTES * choices)
            + CudaRun.staged(Integer.BYTES * (spec.experts() + 1L))
            + CudaRun.staged((long) Integer.BYTES * spec.slots(spec.maxTokens())));
    count = device.function(SOURCE, "dispatch_count");
    sum = device.function(SOURCE, "dispatch_offsets");
    place = device.function(SOURCE, "dispatch_place");
    long most = Math.clamp(MOST_COUNTERS / spec.experts(), 1, MOST_PIECES);
    int choicesOfPiece = (int) Math.max(LEAST_PIECE, Math.ceilDiv(choices, most));
    long rows = pieces(choices, choicesOfPiece) + 1L; // the last: what each expert takes
    long bytes = rows * spec.experts() * Integer.BYTES;
    workspace = device.workspace(bytes, "a plan of dispatch");
    super(device, spec, bytes);
    piece = choicesOfPiece;
  }

  private static int pieces(int choices, int piece) {
    return Math.max(1, Math.ceilDiv(choices, piece));
  }

  @Override
  protected void execute(int tokens, Tensor ids, Tensor offsets, Tensor order, Tensor slots) {
    int experts = spec().experts();
    int choices = tokens * spec().topK();
    int pieces = pieces(choices, piece);
    int counters = Integer.BYTES * experts;
    int shared = counters <= LaunchGrid.COMMON_SHARED ? counters : 0;
    long takes = workspace.address() + (long) pieces * counters;
    LaunchGrid warps = LaunchGrid.of(pieces, WARP).withShared(shared);
    try (CudaRun run = device.begin()) {
      long from = run.input(ids);
      long starts = run.output(offsets);
      long sorted = run.output(order);
      long places = run.output(slots);
      run.arguments()
          .add(from)
          .add(choices)
          .add(piece)
          .add(experts)
          .add(workspace)
          .add(shared > 0 ? 1 : 0);
      run.guard(KernelId.DISPATCH, !ids.isHost());
      run.launch(count, warps);
      run.arguments()
          .add(workspace)
          .add(pieces)
          .add(experts)
          .add(spec().capacity())
          .add(spec().tile())
          .add(starts)
          .add(takes);
      run.launch(sum, LaunchGrid.of(1, SCAN_THREADS));
      run.arguments()
          .add(from)
          .add(choices)
          .add(piece)
          .add(experts)
          .add(workspace)
          .add(shared > 0 ? 1 : 0)
          .add(spec().capacity())
          .add(starts)
          .add(takes)
          .add((int) order.elements())
          .add(sorted)
          .add(places);
      run.launch(place, warps);
      run.complete();
    }
  }

  @Override
  protected void release() {
    workspace.close();
  }
}
