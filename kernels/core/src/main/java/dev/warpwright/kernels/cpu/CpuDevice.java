package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.cpu.attention.AttentionReference;
import dev.warpwright.kernels.cpu.attention.AttentionVector;
import dev.warpwright.kernels.cpu.moe.MoeReference;
import dev.warpwright.kernels.cpu.moe.MoeVector;
import dev.warpwright.kernels.cpu.reduce.ReduceReference;
import dev.warpwright.kernels.cpu.reduce.ReduceVector;
import dev.warpwright.kernels.cpu.sparse.SparseReference;
import dev.warpwright.kernels.cpu.sparse.SparseVector;
import dev.warpwright.kernels.moe.MoeKernels;
import dev.warpwright.kernels.reduce.ReduceKernels;
import dev.warpwright.kernels.sparse.SparseKernels;

/** The processor that the JVM runs on. */
final class CpuDevice extends HostDevice {
  private final HostFamily attention;
  private final HostFamily sparse;
  private final HostFamily moe;
  private final HostFamily reduce;

  CpuDevice(int threads) {
    super(CpuProvider.ID, threads);
    if (VectorModule.isPresent()) {
      attention = new AttentionVector(this);
      sparse = new SparseVector(this);
      moe = new MoeVector(this);
      reduce = new ReduceVector(this);
    } else {
      attention = new AttentionReference(this);
      sparse = new SparseReference(this);
      moe = new MoeReference(this);
      reduce = new ReduceReference(this);
    }
  }

  static String describe() {
    return System.getProperty("os.arch") + (VectorModule.isPresent() ? ", Vector API" : ", scalar");
  }

  @Override
  public String name() {
    return describe() + ", " + pool().threads() + (pool().threads() == 1 ? " thread" : " threads");
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
    return (AttentionKernels) attention;
  }

  @Override
  public SparseKernels sparse() {
    return (SparseKernels) sparse;
  }

  @Override
  public MoeKernels moe() {
    return (MoeKernels) moe;
  }

  @Override
  public ReduceKernels reduce() {
    return (ReduceKernels) reduce;
  }
}
