package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Attention of one query token a request over the slots of its rows:
 *
 * <pre>
 *   s_j   = scale · ⟨rope(q, i), k_j⟩, then cap, bias and mask of {@link Masking}
 *   lse   = ln Σ_j exp(s_j)
 *   out   = Σ_j exp(s_j − lse) · v_j
 * </pre>
 *
 * <p>Query head h reads kv head h/group. The log-sum-exp is a natural logarithm in F32, {@code
 * [request, head]}. A request without a visible slot gives zeros and −∞. The order of additions
 * depends on the row's length only, never on the batch or the number of threads: the same bits in
 * every run on one provider. Sources: Dao et al. 2022 (arXiv 2205.14135), Kwon et al. 2023 (arXiv
 * 2309.06180).
 */
public abstract class PagedDecode extends BatchPlan {
  private final PagedDecodeSpec spec;

  /** A plan for {@code spec}. */
  protected PagedDecode(
      KernelDevice device, PagedDecodeSpec spec, KvPool pool, long workspaceBytes) {
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
  public final PagedDecodeSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  @Override
  protected final void requireBatch(PageTables batch) {
    for (int request = 0; request < batch.requests(); request++) {
      Checks.that(
          batch.newTokens(request) == 1,
          "batch.newTokens[" + request + "]",
          batch.newTokens(request),
          "1 in a decode step");
    }
    Checks.between("batch.maxLength", batch.maxLength(), 0, spec.maxLength());
  }

  /**
   * Computes one layer's attention.
   *
   * @param layer the layer
   * @param q F32 {@code [requests, queryHeads, headDim]}, not yet rotated
   * @param out F32 {@code [requests, queryHeads, headDim]}; disjoint from the other arguments
   * @param lse F32 {@code [requests, queryHeads]}, or null when it is not needed
   */
  public final void run(int layer, Tensor q, Tensor out, @Nullable Tensor lse) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("q", q, DType.F32, batch.requests(), heads().queryHeads(), heads().headDim());
      requireOutput(
          "out", out, DType.F32, batch.requests(), heads().queryHeads(), heads().headDim());
      Checks.disjoint("out", out, "q", q);
      if (lse != null) {
        requireOutput("lse", lse, DType.F32, batch.requests(), heads().queryHeads());
        Checks.disjoint("lse", lse, "q", q);
        Checks.disjoint("lse", lse, "out", out);
      }
      if (batch.requests() > 0) {
        execute(batch, layer, q, out, lse);
      }
      launched(q.bytes() + out.bytes());
    } finally {
      end();
    }
  }

  /** Computes; all arguments are checked and there is at least one request. */
  protected abstract void execute(
      PageTables batch, int layer, Tensor q, Tensor out, @Nullable Tensor lse);
}
