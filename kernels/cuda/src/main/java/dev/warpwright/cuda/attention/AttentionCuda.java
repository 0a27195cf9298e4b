package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaFamily;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.attention.Rope;

/** The attention kernels on CUDA. */
public final class AttentionCuda extends CudaFamily implements AttentionKernels {
  /** The family of {@code device}. */
  public AttentionCuda(CudaKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return Support.yes();
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    throw notBuilt(new AppendKvSpec(new Heads(1, 1, 1, spec.headDim()), spec, 1, 1, Rope.NONE));
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormCuda(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    throw notBuilt(spec);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    throw notBuilt(spec);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    throw notBuilt(spec);
  }
}
