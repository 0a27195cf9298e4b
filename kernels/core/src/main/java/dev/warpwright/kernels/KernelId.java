package dev.warpwright.kernels;

/**
 * The catalogue's kernels. Each has one stem that names its contract, reference, fast paths, test
 * and benchmark; which of these exist is declared in {@code catalogue.tsv} beside this class and
 * held by a test.
 */
public enum KernelId {
  /** Root-mean-square normalisation of rows. */
  RMS_NORM(KernelFamily.ATTENTION, "rmsNorm"),
  /** Rotary embedding and storage of new keys and values. */
  APPEND_KV(KernelFamily.ATTENTION, "appendKv"),
  /** Attention of one query token a request over paged keys and values. */
  PAGED_DECODE(KernelFamily.ATTENTION, "pagedDecode"),
  /** Attention of several query tokens a request over paged keys and values. */
  PAGED_PREFILL(KernelFamily.ATTENTION, "pagedPrefill"),
  /** Statistics of what the last queries of a prefill think of each key. */
  WINDOW_SCORES(KernelFamily.ATTENTION, "windowScores"),
  /** Collection of scores beside the slots. */
  SCORE_ACCUMULATE(KernelFamily.ATTENTION, "scoreAccumulate"),
  /** Choice of the slots that are kept. */
  SELECT_TOKENS(KernelFamily.ATTENTION, "selectTokens"),
  /** Move of kept slots to the beginning of their rows. */
  COMPACT_KV(KernelFamily.ATTENTION, "compactKv"),
  /** Copy of pages out of a pool. */
  GATHER_PAGES(KernelFamily.ATTENTION, "gatherPages"),
  /** Copy of pages into a pool. */
  SCATTER_PAGES(KernelFamily.ATTENTION, "scatterPages"),
  /** Turn of stored keys to other positions. */
  REROTATE_KEYS(KernelFamily.ATTENTION, "rerotateKeys"),
  /** Smallest and largest elements of the keys of a page. */
  PAGE_BOUNDS(KernelFamily.ATTENTION, "pageBounds"),
  /** What a query may find in a page, by its bounds. */
  SCORE_PAGES(KernelFamily.ATTENTION, "scorePages"),
  /** Merging of neighbouring slots with similar keys. */
  MERGE_SIMILAR_KV(KernelFamily.ATTENTION, "mergeSimilarKv"),
  /** Attention over disjoint sets of keys made of the attention over each. */
  MERGE_STATES(KernelFamily.ATTENTION, "mergeStates"),
  /** Product with a dense matrix. */
  MATMUL(KernelFamily.SPARSE, "matmul"),
  /** Product with a dense 4-bit matrix. */
  QUANT_MATMUL(KernelFamily.SPARSE, "quantMatmul"),
  /** Product with a 4-bit matrix of which groups are left out. */
  GROUP_SPARSE_MATMUL(KernelFamily.SPARSE, "groupSparseMatmul"),
  /** Choice of experts for each token. */
  ROUTE(KernelFamily.MOE, "route"),
  /** Grouping of routed tokens by expert. */
  DISPATCH(KernelFamily.MOE, "dispatch"),
  /** Product of each token group with its expert's matrices. */
  EXPERT_MATMUL(KernelFamily.MOE, "expertMatmul"),
  /** Weighted sum of the experts' results of each token. */
  COMBINE(KernelFamily.MOE, "combine"),
  /** Weighted reduction of many rows in a canonical tree. */
  TREE_REDUCE(KernelFamily.REDUCE, "treeReduce");

  private final KernelFamily family;
  private final String stem;

  KernelId(KernelFamily family, String stem) {
    this.family = family;
    this.stem = stem;
  }

  /** The family that the kernel belongs to. */
  public KernelFamily family() {
    return family;
  }

  /** Name of the contract method, for example {@code pagedDecode}. */
  public String stem() {
    return stem;
  }

  /** The stem as the beginning of class names, for example {@code PagedDecode}. */
  public String className() {
    return Character.toUpperCase(stem.charAt(0)) + stem.substring(1);
  }
}
