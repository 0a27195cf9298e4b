package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaFamily;
import dev.warpwright.cuda.CudaKernelDevice;
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
import dev.warpwright.kernels.attention.ScoreReduction;
import java.util.List;

/** The attention kernels on CUDA. */
public final class AttentionCuda extends CudaFamily implements AttentionKernels {
  private static final List<DType> POOL_TYPES = List.of(DType.F32, DType.F16);

  /** Kernels look some tiles of slots ahead in 32-bit integers. */
  private static final int MOST_SLOTS = Integer.MAX_VALUE - (1 << 16);

  /** The family of {@code device}. */
  public AttentionCuda(CudaKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return switch (spec) {
      case AppendKvSpec append -> offers(append.pool());
      case PagedDecodeSpec decode when decode.scores() != ScoreReduction.NONE ->
          Support.no("not built yet: scores");
      case PagedDecodeSpec decode -> offers(decode.pool(), decode.masking(), decode.maxLength());
      case PagedPrefillSpec prefill ->
          offers(prefill.pool(), prefill.masking(), prefill.maxLength());
      default -> Support.yes();
    };
  }

  private static Support offers(KvPoolSpec pool, Masking masking, int maxLength) {
    if (masking.alibi()) {
      return Support.no("not built yet: ALiBi");
    }
    if (masking.sinkLogits()) {
      return Support.no("not built yet: sink logits");
    }
    if (maxLength > MOST_SLOTS) {
      return Support.no("rows of more than " + MOST_SLOTS + " slots");
    }
    return offers(pool);
  }

  private static Support offers(KvPoolSpec pool) {
    return POOL_TYPES.contains(pool.dtype())
        ? Support.yes()
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
    return new KvPoolCuda(device(), spec);
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormCuda(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    require(spec);
    return new AppendKvCuda(device(), spec, pool);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    require(spec);
    return new PagedDecodeCuda(device(), spec, pool);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    require(spec);
    return new PagedPrefillCuda(device(), spec, pool);
  }

  @Override
  public MergeStates mergeStates(MergeStatesSpec spec) {
    require(spec);
    return new MergeStatesCuda(device(), spec);
  }
}
