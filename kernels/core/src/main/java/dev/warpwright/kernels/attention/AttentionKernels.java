package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.UnsupportedKernelException;

/**
 * The attention family: makes pools of key/value pages and plans over them.
 *
 * <p>All methods throw {@link UnsupportedKernelException} where {@link KernelDevice#support} says
 * no.
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

  /** Plans statistics of what the last queries of a prefill think of each key. */
  default WindowScores windowScores(WindowScoresSpec spec, KvPool pool) {
    throw notOffered(spec, pool);
  }

  /** Plans the collection of scores in {@code array}, which is attached to {@code pool}. */
  default ScoreAccumulate scoreAccumulate(ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    throw notOffered(spec, pool);
  }

  /** Plans the choice of the slots that are kept. */
  default SelectTokens selectTokens(SelectTokensSpec spec, KvPool pool) {
    throw notOffered(spec, pool);
  }

  /** Plans the move of kept slots to the beginning of their rows. */
  default CompactKv compactKv(CompactKvSpec spec, KvPool pool) {
    throw notOffered(spec, pool);
  }

  /** Plans copies of pages between {@code pool} and memory outside of it, one way. */
  default PageTransfer pageTransfer(PageTransferSpec spec, KvPool pool) {
    throw notOffered(spec, pool);
  }

  /** Plans the turn of stored keys to other positions. */
  default RerotateKeys rerotateKeys(RerotateKeysSpec spec, KvPool pool) {
    throw notOffered(spec, pool);
  }

  /** Plans the bounds of the keys of pages. */
  default PageBounds pageBounds(PageBoundsSpec spec, KvPool pool) {
    throw notOffered(spec, pool);
  }

  /** Plans the scores of pages by their bounds. */
  default ScorePages scorePages(ScorePagesSpec spec, KvPool pool) {
    throw notOffered(spec, pool);
  }

  /**
   * Plans the merging of similar slots; how many tokens a slot stands for is kept in {@code
   * logCounts}, which is attached to {@code pool}.
   */
  default MergeSimilarKv mergeSimilarKv(MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    throw notOffered(spec, pool);
  }

  /** Plans the merging of attention over disjoint sets of keys. */
  MergeStates mergeStates(MergeStatesSpec spec);

  private static UnsupportedKernelException notOffered(KernelSpec spec, KvPool pool) {
    KernelDevice device = Checks.notNull("pool", pool).device();
    return new UnsupportedKernelException(
        device.place(), spec.kernel(), device.support(spec).reason());
  }
}
