package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;

/**
 * The smallest and largest value of each element over the keys of a page, as they are stored:
 *
 * <pre>
 *   bounds[page, 0, d] = min_j k_j[d]      bounds[page, 1, d] = max_j k_j[d]
 * </pre>
 *
 * <p>j runs over the filled slots of the page, whatever their positions. −0 is less than +0, and
 * NaN makes NaN. {@link ScorePages} reads them. Bounds are by page number, so that rows that share
 * a page share its bounds; such rows must fill it alike. Pages that are not looked at keep what
 * they have. Exact: the same bits everywhere. Source: Tang et al. 2024 (Quest, arXiv 2406.10774).
 */
public abstract class PageBounds extends BatchPlan {
  private final PageBoundsSpec spec;

  /** A plan for {@code spec}. */
  protected PageBounds(KernelDevice device, PageBoundsSpec spec, KvPool pool, long workspaceBytes) {
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
  }

  /** What the plan was made for. */
  public final PageBoundsSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  /** The first page of a row that is looked at. */
  protected final int firstPage(PageTables batch, int row) {
    int added = batch.newTokens(row / batch.kvHeads() % Math.max(1, batch.requests()));
    return spec.scope() == PageBoundsSpec.Scope.ALL_TOKENS
        ? 0
        : Math.max(0, batch.length(row) - added) / batch.pageSize();
  }

  /**
   * Looks at the pages of one layer.
   *
   * @param layer the layer
   * @param bounds F32 {@code [headPages, 2, headDim]}
   */
  public final void run(int layer, Tensor bounds) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireOutput("bounds", bounds, DType.F32, spec.pool().headPages(), 2, heads().headDim());
      if (batch.slots(layer) > 0) {
        execute(batch, layer, bounds);
      }
      launched(0);
    } finally {
      end();
    }
  }

  /** Looks; all arguments are checked and there is at least one slot. */
  protected abstract void execute(PageTables batch, int layer, Tensor bounds);
}
