package dev.warpwright.kernels.attention;

/**
 * The attention family: makes pools of key/value pages and plans over them.
 *
 * <p>All methods throw {@link dev.warpwright.kernels.UnsupportedKernelException} where {@link
 * dev.warpwright.kernels.KernelDevice#support} says no.
 */
public interface AttentionKernels {
  /** Allocates a pool of head pages. The caller closes it. */
  KvPool pool(KvPoolSpec spec);

  /** Plans {@code y = x / rms(x) · weight}. */
  RmsNorm rmsNorm(RmsNormSpec spec);

  /** Plans the storage of new keys and values into pages of {@code pool}. */
  AppendKv appendKv(AppendKvSpec spec, KvPool pool);

  /** Plans attention of one query token a request. */
  PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool);

  /** Plans attention of several query tokens a request. */
  PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool);
}
