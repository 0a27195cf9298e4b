package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;

/** SKELETON: the attention kernels, on the Vector API. */
public final class AttentionVector extends HostFamily implements AttentionKernels {
  /** The family of {@code device}. */
  public AttentionVector(HostDevice device) {
    super(device);
  }

  @Override
  public Support support(KernelSpec spec) {
    return Support.no("SKELETON");
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    throw new UnsupportedOperationException("SKELETON");
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    throw new UnsupportedOperationException("SKELETON");
  }
}
