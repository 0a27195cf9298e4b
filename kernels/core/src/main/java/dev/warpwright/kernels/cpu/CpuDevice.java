package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.NativeCode;
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
import org.jspecify.annotations.Nullable;

/** The processor that the JVM runs on. */
final class CpuDevice extends HostDevice {
  private final HostFamily attention;
  private final HostFamily sparse;
  private final HostFamily moe;
  private final HostFamily reduce;

  private final NativeCode nativeCode;

  CpuDevice(int threads, NativeCode nativeCode) {
    super(CpuProvider.ID, threads, refusal(nativeCode) == null);
    this.nativeCode = nativeCode;
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

  /**
   * Why there are no C kernels; null if they are used. They are used beside the Vector API only.
   */
  static @Nullable String refusal(NativeCode nativeCode) {
    if (nativeCode == NativeCode.OFF) {
      return "they are switched off";
    }
    return VectorModule.isPresent() ? NativeLibrary.refusal() : "the Vector API is missing";
  }

  static String describe(NativeCode nativeCode) {
    String refusal = refusal(nativeCode);
    return System.getProperty("os.arch")
        + (VectorModule.isPresent() ? ", Vector API" : ", scalar")
        + (refusal == null ? ", C kernels (AVX-512 VNNI)" : ", no C kernels: " + refusal);
  }

  @Override
  public String name() {
    return describe(nativeCode)
        + ", "
        + pool().threads()
        + (pool().threads() == 1 ? " thread" : " threads");
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
