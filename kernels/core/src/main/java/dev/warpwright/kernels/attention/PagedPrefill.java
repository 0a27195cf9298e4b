package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Attention of several query tokens a request (ragged): the formula of {@link PagedDecode} for each
 * token at {@link PageTables#position}. The keys and values of the tokens themselves must have been
 * appended before. Order of additions, log-sum-exp and empty rows as for {@link PagedDecode}.
 */
public abstract class PagedPrefill extends BatchPlan {
  private final PagedPrefillSpec spec;

  /** A plan for {@code spec}. */
  protected PagedPrefill(
      KernelDevice device, PagedPrefillSpec spec, KvPool pool, long workspaceBytes) {
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
  public final PagedPrefillSpec spec() {
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

  /** Computes one layer's attention without biases. */
  public final void run(int layer, Tensor q, Tensor out, @Nullable Tensor lse) {
    run(layer, q, AttentionBias.NONE, out, lse);
  }

  /**
   * Computes one layer's attention.
   *
   * @param layer the layer
   * @param q F32 {@code [tokens, queryHeads, headDim]}, not yet rotated; tokens in the order of the
   *     batch
   * @param bias what the masking asks for
   * @param out F32 {@code [tokens, queryHeads, headDim]}; disjoint from the other arguments
   * @param lse F32 {@code [tokens, queryHeads]}, or null when it is not needed
   */
  public final void run(int layer, Tensor q, AttentionBias bias, Tensor out, @Nullable Tensor lse) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("q", q, DType.F32, batch.tokens(), heads().queryHeads(), heads().headDim());
      requireOutput("out", out, DType.F32, batch.tokens(), heads().queryHeads(), heads().headDim());
      Checks.disjoint("out", out, "q", q);
      if (lse != null) {
        requireOutput("lse", lse, DType.F32, batch.tokens(), heads().queryHeads());
        Checks.disjoint("lse", lse, "q", q);
        Checks.disjoint("lse", lse, "out", out);
      }
      requireBias(spec.masking(), bias, out, lse);
      if (batch.tokens() > 0) {
        execute(batch, layer, q, bias, out, lse);
      }
      launched(q.bytes() + out.bytes());
    } finally {
      end();
    }
  }

  /** Computes; all arguments are checked and there is at least one token. */
  protected abstract void execute(
      PageTables batch, int layer, Tensor q, AttentionBias bias, Tensor out, @Nullable Tensor lse);
}
