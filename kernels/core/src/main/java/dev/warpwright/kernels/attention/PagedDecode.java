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
 *   s_j   = scale · ⟨rope(q, i), k_j⟩, then cap, biases and mask of {@link Masking}
 *   lse   = ln (Σ_j exp(s_j) + exp(sinkLogit))
 *   out   = Σ_j exp(s_j − lse) · v_j
 *   score = Σ_h exp(s_hj − lse_h)   over the query heads h of a group, or its mean
 * </pre>
 *
 * <p>Query head h reads kv head h/group. The log-sum-exp is a natural logarithm in F32, {@code
 * [request, head]}. A request without a visible slot gives zeros and −∞, or the sink logit. Scores
 * are what later decides which slots to keep; they come from the same pass over the keys, are
 * exactly 0 where a slot is masked, and stand in page-table order: {@code [request, kvHead, slot]}
 * with rows as long as they are, at {@link PageTables#slotStart}.
 *
 * <p>The order of additions depends on the row's length only, never on the batch or the number of
 * threads: the same bits in every run on one provider. Sources: Dao et al. 2022 (arXiv 2205.14135),
 * Kwon et al. 2023 (arXiv 2309.06180), Press et al. 2022 (arXiv 2108.12409) for ALiBi, Zhang et al.
 * 2023 (arXiv 2306.14048) for scores.
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
    batch.requireDecode();
    Checks.between("batch.maxLength", batch.maxLength(), 0, spec.maxLength());
  }

  /** Computes one layer's attention without biases and scores. */
  public final void run(int layer, Tensor q, Tensor out, @Nullable Tensor lse) {
    run(layer, q, AttentionBias.NONE, out, lse, null);
  }

  /**
   * Computes one layer's attention.
   *
   * @param layer the layer
   * @param q F32 {@code [requests, queryHeads, headDim]}, not yet rotated
   * @param bias what the masking asks for
   * @param out F32 {@code [requests, queryHeads, headDim]}; disjoint from the other arguments
   * @param lse F32 {@code [requests, queryHeads]}, or null when it is not needed
   * @param scores F32 {@code [slots of the layer]}, exactly when the spec asks for scores
   */
  public final void run(
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor out,
      @Nullable Tensor lse,
      @Nullable Tensor scores) {
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
      requireBias(spec.masking(), bias, out, lse);
      requireScores(batch.slots(layer), scores, q, bias, out, lse);
      if (batch.requests() > 0) {
        execute(batch, layer, q, bias, out, lse, scores);
      }
      launched(q.bytes() + out.bytes());
    } finally {
      end();
    }
  }

  private void requireScores(
      long slots,
      @Nullable Tensor scores,
      Tensor q,
      AttentionBias bias,
      Tensor out,
      @Nullable Tensor lse) {
    if (spec.scores() == ScoreReduction.NONE) {
      Checks.that(scores == null, "scores", scores, "null: the spec asks for none");
      return;
    }
    Tensor given = Checks.notNull("scores", scores);
    requireOutput("scores", given, DType.F32, slots);
    Checks.disjoint("scores", given, "q", q);
    Checks.disjoint("scores", given, "out", out);
    if (lse != null) {
      Checks.disjoint("scores", given, "lse", lse);
    }
    requireApart(bias, "scores", given);
  }

  /** Computes; all arguments are checked and there is at least one request. */
  protected abstract void execute(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor out,
      @Nullable Tensor lse,
      @Nullable Tensor scores);
}
