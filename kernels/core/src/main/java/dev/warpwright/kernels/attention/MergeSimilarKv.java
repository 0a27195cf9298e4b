package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;

/**
 * Merges neighbouring slots with similar keys into one. Neighbours i − 1 and i of a row, neither of
 * them protected, belong together if
 *
 * <pre>
 *   ⟨k_i−1, k_i⟩ ≥ threshold · √(|k_i−1|² · |k_i|²)      and neither key is zero
 * </pre>
 *
 * <p>A set is a longest run of slots that belong together. Its pivot p is the slot with the largest
 * score, the lower one of equals, NaN the least. With c_i tokens merged in slot i so far, sums over
 * the n slots of the set,
 *
 * <pre>
 *   d_i = |k_p − k_i|²     σ² = Σ d_i / n     w_i = c_i · exp(−d_i / 2σ²), or c_i if σ = 0
 *   k = Σ w_i k_i / Σ w_i        v = Σ w_i v_i / Σ w_i        c = Σ c_i
 * </pre>
 *
 * <p>go to the pivot's slot, which keeps its position and what else stands beside it. {@code ln c}
 * goes to the array of the plan: as {@link AttentionBias#slotBias} it gives the slot the weight of
 * all its tokens. A set of one slot keeps its bits. Keys and values are taken as they are stored.
 *
 * <p>The pivots of a row stand in rising order at {@link PageTables#slotStart}, the rest of its
 * place holds −1: what {@link CompactKv} takes, with {@code lengths} as new lengths. Until then the
 * row holds what it should no longer: it must not be attended to in between.
 *
 * <p>Computed in double and rounded once to the pool's type. The sums that decide on sets are in
 * the order of the elements: sets and pivots are the same everywhere. Source: Wang et al. 2024
 * (KVMerger, arXiv 2407.08454), whose σ is not defined without its own result, and whose factor n
 * of the value is here the logarithm of the count.
 */
public abstract class MergeSimilarKv extends BatchPlan {
  private final MergeSimilarKvSpec spec;
  private final SlotArray logCounts;

  /** A plan for {@code spec} with {@code logCounts}, which must be attached to {@code pool}. */
  protected MergeSimilarKv(
      KernelDevice device,
      MergeSimilarKvSpec spec,
      KvPool pool,
      SlotArray logCounts,
      long workspaceBytes) {
    Checks.notNull("logCounts", logCounts);
    Checks.that(logCounts.pool() == pool, "logCounts.pool", "another pool", "the plan's pool");
    Checks.that(logCounts.width() == 1, "logCounts.width", logCounts.width(), "1");
    Checks.that(
        logCounts.initial() == 0, "logCounts.initial", logCounts.initial(), "0, of one token");
    super(
        device,
        spec,
        workspaceBytes,
        spec.heads(),
        spec.pool(),
        pool,
        spec.maxRequests(),
        Integer.MAX_VALUE);
    this.spec = spec;
    this.logCounts = logCounts;
  }

  /** What the plan was made for. */
  public final MergeSimilarKvSpec spec() {
    return spec;
  }

  /** The logarithms of the numbers of tokens in each slot. */
  public final SlotArray logCounts() {
    return logCounts;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  /** Refuses a page in two places: what is merged in one would change in the other. */
  @Override
  protected final void requireBatch(PageTables batch) {
    batch.requireOwnPages();
  }

  /**
   * Merges the slots of one layer.
   *
   * @param layer the layer
   * @param scores F32 {@code [slots of the layer]}: what pivots are chosen by
   * @param kept I32 {@code [slots of the layer]}; disjoint from the other arguments
   * @param lengths I32 {@code [requests, kvHeads]}: how many slots each row keeps; disjoint from
   *     the other arguments
   */
  public final void run(int layer, Tensor scores, Tensor kept, Tensor lengths) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("scores", scores, DType.F32, batch.slots(layer));
      requireOutput("kept", kept, DType.I32, batch.slots(layer));
      requireOutput("lengths", lengths, DType.I32, batch.requests(), heads().kvHeads());
      requireReachable("logCounts", logCounts.tensor());
      Checks.disjoint("kept", kept, "scores", scores);
      Checks.disjoint("lengths", lengths, "scores", scores);
      Checks.disjoint("lengths", lengths, "kept", kept);
      Checks.disjoint("logCounts", logCounts.tensor(), "scores", scores);
      Checks.disjoint("logCounts", logCounts.tensor(), "kept", kept);
      Checks.disjoint("logCounts", logCounts.tensor(), "lengths", lengths);
      if (lengths.elements() > 0) {
        execute(batch, layer, scores, kept, lengths);
      }
      launched(scores.bytes() + kept.bytes());
    } finally {
      end();
    }
  }

  /** Merges; all arguments are checked and there is at least one row. */
  protected abstract void execute(
      PageTables batch, int layer, Tensor scores, Tensor kept, Tensor lengths);
}
