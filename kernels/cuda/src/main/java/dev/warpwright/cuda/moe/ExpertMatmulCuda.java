package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Starts {@code expert_matmul.cu}. */
final class ExpertMatmulCuda extends ExpertMatmul {
  private static final int THREADS = 128;

  /** Slots and outputs of a block; see the source. */
  private static final int SLOTS = 8;

  private static final int OUTPUTS = 32;
  private static final int WIDE = 16;

  private final CudaKernelDevice device;
  private final CudaFunction multiply;

  ExpertMatmulCuda(CudaKernelDevice device, ExpertMatmulSpec spec) {
    long slots = spec.maxSlots();
    device.reserve(
        CudaRun.staged(Integer.BYTES * (spec.experts() + 1L))
            + CudaRun.staged(Integer.BYTES * slots)
            + CudaRun.staged(Float.BYTES * slots * spec.inputs())
            + CudaRun.staged(Float.BYTES * slots * spec.outputs()));
    this.device = device;
    multiply = device.function("moe/expert_matmul", "expert_matmul_" + suffix(spec.format()));
    super(device, spec, 0);
  }

  private static String suffix(WeightFormat format) {
    return switch (format) {
      case WeightFormat.Dense dense -> dense.dtype().name().toLowerCase(Locale.ROOT);
      case WeightFormat.Quant quant -> "w" + quant.grouping().bits();
      case WeightFormat.GroupSparse sparse -> "sparse_w" + sparse.grouping().bits();
    };
  }

  private static int groupSize(WeightFormat format) {
    return switch (format) {
      case WeightFormat.Dense dense -> 0;
      case WeightFormat.Quant quant -> quant.grouping().size();
      case WeightFormat.GroupSparse sparse -> sparse.grouping().size();
    };
  }

  /** As in the source. */
  private static int number(ExpertMatmulSpec.Activation activation) {
    return switch (activation) {
      case NONE -> 0;
      case SWIGLU -> 1;
      case GEGLU -> 2;
    };
  }

  @Override
  protected void execute(
      PreparedExperts w, int slots, Tensor offsets, @Nullable Tensor order, Tensor x, Tensor y) {
    PreparedExpertsCuda experts = (PreparedExpertsCuda) w;
    try (CudaRun run = device.begin()) {
      run.require(CudaRun.staged(offsets, x, y) + (order == null ? 0 : CudaRun.staged(order)));
      long starts = run.input(offsets);
      long choices = order == null ? 0 : run.input(order);
      long from = run.input(x);
      long to = run.inOut(y); // padding stays as it was
      boolean wide = (from | (long) Float.BYTES * spec().inputs()) % WIDE == 0;
      run.arguments()
          .add(experts.gates())
          .add(experts.ups())
          .add(spec().outputs())
          .add(spec().inputs())
          .add(groupSize(spec().format()))
          .add(starts)
          .add(spec().experts())
          .add(choices)
          .add(spec().topK())
          .add(from)
          .add(x.size(0))
          .add(wide ? 1 : 0)
          .add(slots)
          .add(number(spec().activation()))
          .add(to);
      run.guard(KernelId.EXPERT_MATMUL, !offsets.isHost() || (order != null && !order.isHost()));
      // An expert's last tile may be half empty.
      int tiles = slots / SLOTS + Math.min(slots, spec().experts());
      int outputs = Math.min(LaunchGrid.MOST_BLOCKS_Y, Math.ceilDiv(spec().outputs(), OUTPUTS));
      run.launch(multiply, new LaunchGrid(tiles, outputs, 1, THREADS, 1, 1, 0));
      run.complete();
    }
  }

  @Override
  protected void release() {}
}
