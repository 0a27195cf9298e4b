package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;

/**
 * What the query of each request may find in each page of its rows, without reading a key: with q
 * rotated and scaled, and the {@link PageBounds} of the page,
 *
 * <pre>
 *   BOUND  u_h = Σ_d max(q_h[d] · min[d], q_h[d] · max[d])   ≥ every logit in the page
 *   MIX    u_h = Σ_d q_h[d] · (mix · max[d] + (1 − mix) · min[d])
 *   score  = max_h u_h, or Σ_h u_h, over the query heads h of the group
 * </pre>
 *
 * <p>Scores stand in page-table order, {@code [request, kvHead, page]}: a row has as many as it has
 * pages with filled slots, at {@link PageTables#usedPageStart}. Attention over the best pages of
 * each row is attention over tables that name only these.
 *
 * <p>Bits depend on nothing but the query and the bounds. Sources: Tang et al. 2024 (Quest, arXiv
 * 2406.10774) for the bound, Zeng et al. 2025 (MPCache, arXiv 2501.06807) for the mix.
 */
public abstract class ScorePages extends BatchPlan {
  private final ScorePagesSpec spec;

  /** A plan for {@code spec}. */
  protected ScorePages(KernelDevice device, ScorePagesSpec spec, KvPool pool, long workspaceBytes) {
    super(
        device,
        spec,
        workspaceBytes,
        spec.heads(),
        spec.pool(),
        pool,
        spec.maxRequests(),
        spec.maxRequests());
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final ScorePagesSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  @Override
  protected final void requireBatch(PageTables batch) {
    batch.requireDecode();
  }

  /**
   * Scores the pages of one layer.
   *
   * @param layer the layer
   * @param q F32 {@code [requests, queryHeads, headDim]}, not yet rotated
   * @param bounds F32 {@code [headPages, 2, headDim]}
   * @param scores F32 {@code [pages of the layer]}; disjoint from the others
   */
  public final void run(int layer, Tensor q, Tensor bounds, Tensor scores) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("q", q, DType.F32, batch.requests(), heads().queryHeads(), heads().headDim());
      requireTensor("bounds", bounds, DType.F32, spec.pool().headPages(), 2, heads().headDim());
      requireOutput("scores", scores, DType.F32, batch.usedPages(layer));
      Checks.disjoint("scores", scores, "q", q);
      Checks.disjoint("scores", scores, "bounds", bounds);
      if (scores.elements() > 0) {
        execute(batch, layer, q, bounds, scores);
      }
      launched(q.bytes() + scores.bytes());
    } finally {
      end();
    }
  }

  /** Scores; all arguments are checked and there is at least one page. */
  protected abstract void execute(
      PageTables batch, int layer, Tensor q, Tensor bounds, Tensor scores);
}
