package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.tornado.TornadoFamily;
import dev.warpwright.tornado.TornadoKernelDevice;

/** The attention kernels on TornadoVM. */
public final class AttentionTornado extends TornadoFamily implements AttentionKernels {
  /** The family of {@code device}. */
  public AttentionTornado(TornadoKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return switch (spec) {
      case RmsNormSpec norm -> fits("rows", norm.maxRows(), norm.columns());
      default -> Support.no("not an attention kernel");
    };
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    throw new UnsupportedKernelException(
        device().place(), dev.warpwright.kernels.KernelId.APPEND_KV, "not built yet");
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormTornado(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    throw unsupported(spec);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    throw unsupported(spec);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    throw unsupported(spec);
  }

  @Override
  public MergeStates mergeStates(MergeStatesSpec spec) {
    throw unsupported(spec);
  }
}
