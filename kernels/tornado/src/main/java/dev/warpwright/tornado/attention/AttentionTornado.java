package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
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
import java.util.List;

/** The attention kernels on TornadoVM. */
public final class AttentionTornado extends TornadoFamily implements AttentionKernels {
  private static final List<DType> POOL_TYPES = List.of(DType.F32, DType.F16);

  /** The family of {@code device}. */
  public AttentionTornado(TornadoKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return switch (spec) {
      case RmsNormSpec norm -> fits("rows", norm.maxRows(), norm.columns());
      case AppendKvSpec append -> offers(append.pool());
      case PagedDecodeSpec decode -> offers(decode.pool(), decode.masking());
      case PagedPrefillSpec prefill -> offers(prefill.pool(), prefill.masking());
      default -> Support.no("not an attention kernel");
    };
  }

  private static Support offers(KvPoolSpec pool, Masking masking) {
    return masking.slotBias() ? Support.no("not built yet: numbers beside slots") : offers(pool);
  }

  private static Support offers(KvPoolSpec pool) {
    return POOL_TYPES.contains(pool.dtype())
        ? fits("a pool", (long) pool.headPages() * pool.pageSize(), pool.headDim())
        : Support.no("not built yet: " + pool.dtype() + " pools; there are " + POOL_TYPES);
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    Checks.notNull("spec", spec);
    device().requireOpen();
    Support support = offers(spec);
    if (!support.supported()) {
      throw new UnsupportedKernelException(device().place(), KernelId.APPEND_KV, support.reason());
    }
    return new KvPoolTornado(device(), spec);
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormTornado(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    require(spec);
    return new AppendKvTornado(device(), spec, pool);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    require(spec);
    return new PagedDecodeTornado(device(), spec, pool);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    require(spec);
    return new PagedPrefillTornado(device(), spec, pool);
  }

  @Override
  public MergeStates mergeStates(MergeStatesSpec spec) {
    throw unsupported(spec);
  }
}
