package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.cpu.attention.AttentionReference;
import dev.warpwright.kernels.cpu.moe.MoeReference;
import dev.warpwright.kernels.cpu.reduce.ReduceReference;
import dev.warpwright.kernels.cpu.sparse.SparseReference;
import dev.warpwright.kernels.moe.MoeKernels;
import dev.warpwright.kernels.reduce.ReduceKernels;
import dev.warpwright.kernels.sparse.SparseKernels;

/**
 * The scalar reference: what every other implementation is compared with. Slow on purpose, one
 * thread.
 */
final class ReferenceDevice extends HostDevice {
  private final AttentionReference attention = new AttentionReference(this);
  private final SparseReference sparse = new SparseReference(this);
  private final MoeReference moe = new MoeReference(this);
  private final ReduceReference reduce = new ReduceReference(this);

  ReferenceDevice() {
    super(ReferenceProvider.ID, 1, false);
  }

  @Override
  public String name() {
    return "scalar reference";
  }

  @Override
  protected HostFamily family(KernelSpec spec) {
    return switch (spec.kernel().family()) {
      case ATTENTION -> attention;
      case SPARSE -> sparse;
      case MOE -> moe;
      case REDUCE -> reduce;
    };
  }

  @Override
  public AttentionKernels attention() {
    return attention;
  }

  @Override
  public SparseKernels sparse() {
    return sparse;
  }

  @Override
  public MoeKernels moe() {
    return moe;
  }

  @Override
  public ReduceKernels reduce() {
    return reduce;
  }
}
