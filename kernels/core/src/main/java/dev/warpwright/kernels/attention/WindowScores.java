package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What the last query tokens of a prefill think of each key, as statistics over these rows i:
 *
 * <pre>
 *   p_ij     = min(1, exp(s_ij − lse_i)), s as in {@link PagedDecode}; 0 where masked
 *   sum      = Σ_i p_ij              mean    = sum / n
 *   variance = Σ_i (p_ij − mean)² / (n − 1)
 *   entropy  = −Σ_i p_ij · ln p_ij
 * </pre>
 *
 * <p>Each is computed for each query head, then summed over the group or averaged. n is the number
 * of the request's query tokens, at most {@code window}. Queries and log-sum-exps are those of the
 * prefill, all its tokens; sink logits are in the log-sum-exp already. Results stand in page-table
 * order, {@code [request, kvHead, slot]}, rows at {@link PageTables#slotStart}; 0 for requests
 * without query tokens. Bits depend on nothing but the row, its queries and the window.
 *
 * <p>Sources: Li et al. 2024 (arXiv 2404.14469) for the sum over a window, Qin et al. 2025 (arXiv
 * 2503.12491) for variance and entropy, Zhang et al. 2023 (arXiv 2306.14048) for the sum over all.
 */
public abstract class WindowScores extends BatchPlan {
  private final WindowScoresSpec spec;

  /** A plan for {@code spec}. */
  protected WindowScores(
      KernelDevice device, WindowScoresSpec spec, KvPool pool, long workspaceBytes) {
    super(
        device,
        spec,
        workspaceBytes,
        spec.heads(),
        spec.pool(),
        pool,
        spec.maxRequests(),
        spec.maxTokens());
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final WindowScoresSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  @Override
  protected final void requireBatch(PageTables batch) {
    Checks.between("batch.maxLength", batch.maxLength(), 0, spec.maxLength());
  }

  /** Observing rows of a request. */
  protected final int rows(PageTables batch, int request) {
    return Math.min(spec.window(), batch.newTokens(request));
  }

  /**
   * Computes one layer's statistics.
   *
   * @param layer the layer
   * @param q F32 {@code [tokens, queryHeads, headDim]} of the whole batch, not yet rotated
   * @param bias what the masking asks for
   * @param lse F32 {@code [tokens, queryHeads]}, as the prefill gave it
   * @param result where to write; disjoint from the inputs and each other
   */
  public final void run(
      int layer, Tensor q, AttentionBias bias, Tensor lse, WindowStatistics result) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("q", q, DType.F32, batch.tokens(), heads().queryHeads(), heads().headDim());
      requireTensor("lse", lse, DType.F32, batch.tokens(), heads().queryHeads());
      requireBias(spec.masking(), bias);
      Checks.notNull("result", result);
      long slots = batch.slots(layer);
      requireResult("result.sum", result.sum(), slots, q, bias, lse);
      requireResult("result.mean", result.mean(), slots, q, bias, lse);
      requireResult("result.variance", result.variance(), slots, q, bias, lse);
      requireResult("result.entropy", result.entropy(), slots, q, bias, lse);
      apart("result.mean", result.mean(), "result.sum", result.sum());
      apart("result.variance", result.variance(), "result.sum", result.sum());
      apart("result.variance", result.variance(), "result.mean", result.mean());
      apart("result.entropy", result.entropy(), "result.sum", result.sum());
      apart("result.entropy", result.entropy(), "result.mean", result.mean());
      apart("result.entropy", result.entropy(), "result.variance", result.variance());
      if (slots > 0) {
        execute(batch, layer, q, bias, lse, result);
      }
      launched(q.bytes() + lse.bytes());
    } finally {
      end();
    }
  }

  private void requireResult(
      String argument,
      @Nullable Tensor result,
      long slots,
      Tensor q,
      AttentionBias bias,
      Tensor lse) {
    if (result != null) {
      requireOutput(argument, result, DType.F32, slots);
      Checks.disjoint(argument, result, "q", q);
      Checks.disjoint(argument, result, "lse", lse);
      requireApart(bias, argument, result);
    }
  }

  private static void apart(
      String argument, @Nullable Tensor one, String otherArgument, @Nullable Tensor other) {
    if (one != null && other != null) {
      Checks.disjoint(argument, one, otherArgument, other);
    }
  }

  /** Computes; all arguments are checked and there is at least one slot. */
  protected abstract void execute(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor lse,
      WindowStatistics result);
}
