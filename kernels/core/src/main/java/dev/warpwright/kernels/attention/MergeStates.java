package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Attention over several disjoint sets of keys, from the attention over each: with {@code m = max_s
 * lses[s,t,h]} and {@code w_s = exp(lses[s,t,h] − m)},
 *
 * <pre>
 *   out[t,h,:] = Σ_s w_s · outs[s,t,h,:] / Σ_s w_s
 *   lse[t,h]   = m + ln Σ_s w_s
 * </pre>
 *
 * Log-sum-exps are natural logarithms, laid out {@code [token, head]}, as {@link PagedDecode} and
 * {@link PagedPrefill} write them. The state of no keys has −∞; what its {@code outs} holds is not
 * read. Where all states are of no keys, the result is zeros and −∞. A log-sum-exp that is NaN or
 * +∞ makes NaN.
 *
 * <p>Sums run over states in their order: the same bits in every run, with any number of threads
 * and whatever else is in the batch, on one provider. Source: Ye et al. 2025 (FlashInfer, arXiv
 * 2501.01005).
 */
public abstract class MergeStates extends KernelPlan {
  private final MergeStatesSpec spec;

  /** A plan for {@code spec}. */
  protected MergeStates(KernelDevice device, MergeStatesSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final MergeStatesSpec spec() {
    return spec;
  }

  /**
   * Merges the states of some tokens.
   *
   * @param outs F32 {@code [states, tokens, queryHeads, headDim]}, tokens at most {@code maxTokens}
   * @param lses F32 {@code [states, tokens, queryHeads]}
   * @param out F32 {@code [tokens, queryHeads, headDim]}; disjoint from the others
   * @param lse F32 {@code [tokens, queryHeads]}, or null; disjoint from the others
   */
  public final void run(Tensor outs, Tensor lses, Tensor out, @Nullable Tensor lse) {
    begin();
    try {
      Checks.notNull("outs", outs);
      Checks.that(outs.rank() == 4, "outs.rank", outs.rank(), "4");
      long tokens = Checks.between("outs.shape[1]", outs.size(1), 0, spec.maxTokens());
      int heads = spec.queryHeads();
      requireTensor("outs", outs, DType.F32, spec.states(), tokens, heads, spec.headDim());
      requireTensor("lses", lses, DType.F32, spec.states(), tokens, heads);
      requireOutput("out", out, DType.F32, tokens, heads, spec.headDim());
      Checks.disjoint("out", out, "outs", outs);
      Checks.disjoint("out", out, "lses", lses);
      if (lse != null) {
        requireOutput("lse", lse, DType.F32, tokens, heads);
        Checks.disjoint("lse", lse, "outs", outs);
        Checks.disjoint("lse", lse, "lses", lses);
        Checks.disjoint("lse", lse, "out", out);
      }
      if (tokens > 0) {
        execute((int) tokens, outs, lses, out, lse);
      }
      launched(outs.bytes() + lses.bytes() + out.bytes());
    } finally {
      end();
    }
  }

  /** Merges; all arguments are checked and there is at least one token. */
  protected abstract void execute(
      int tokens, Tensor outs, Tensor lses, Tensor out, @Nullable Tensor lse);
}
