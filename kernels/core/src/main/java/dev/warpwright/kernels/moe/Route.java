package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Choice of experts for each token.
 *
 * <p>With p = scoring(logits), rounded to F32, and choice c = p + bias, rounded to F32: a group's
 * score is the sum of its two largest c (of one, if it has one expert); experts outside the {@code
 * keptGroups} best groups cannot be chosen; the {@code topK} best c are, in falling order; weight =
 * p (without bias), divided by the sum of the chosen p plus 1e-20 where asked for, times scale.
 *
 * <p>Order: NaN is lowest, −0 equals +0, and of equal scores the lower index comes first. What is
 * compared is c, not the logit: logits whose probabilities round to the same F32 tie. Choices are
 * exact given bit-equal probabilities. Each provider computes p by its own order of additions, so
 * between providers choices are exact where the margin between scores exceeds the error of p;
 * experts of equal logit and bias have bit-equal scores on every provider.
 *
 * <p>The formulas hold with IEEE arithmetic for all inputs. Under {@code SOFTMAX} a logit of −∞ has
 * probability 0, and a token with a NaN or +∞ logit, or with none above −∞, has only NaN
 * probabilities: it gets the first experts and NaN weights. Under {@code SIGMOID} a logit of −∞ has
 * probability 0 and one of +∞ has 1; a NaN logit makes its own expert the last choice, and the
 * token's weights NaN only if it is chosen all the same. A NaN bias makes its expert the last
 * choice and leaves weights as they are.
 *
 * <p>A token's results do not depend on other tokens, and are the same bits in every run on one
 * provider. Sources: Mixtral (arXiv 2401.04088), DeepSeek-V3 (arXiv 2412.19437).
 */
public abstract class Route extends KernelPlan {
  private final RouteSpec spec;

  /** A plan for {@code spec}. */
  protected Route(KernelDevice device, RouteSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final RouteSpec spec() {
    return spec;
  }

  /**
   * Routes tokens.
   *
   * @param logits F32 {@code [tokens, experts]}
   * @param bias F32 {@code [experts]}, or null when the spec is not biased
   * @param ids I32 {@code [tokens, topK]}, written
   * @param weights F32 {@code [tokens, topK]}, written
   */
  public final void run(Tensor logits, @Nullable Tensor bias, Tensor ids, Tensor weights) {
    begin();
    try {
      Checks.notNull("logits", logits);
      Checks.that(logits.rank() == 2, "logits.rank", logits.rank(), "2");
      long tokens = Checks.between("logits.shape[0]", logits.size(0), 0, spec.maxTokens());
      requireTensor("logits", logits, DType.F32, tokens, spec.experts());
      if (spec.biased()) {
        requireTensor("bias", Checks.notNull("bias", bias), DType.F32, spec.experts());
      } else {
        Checks.that(bias == null, "bias", "present", "null: the plan is not biased");
      }
      requireOutput("ids", ids, DType.I32, tokens, spec.topK());
      requireOutput("weights", weights, DType.F32, tokens, spec.topK());
      Checks.disjoint("ids", ids, "logits", logits);
      Checks.disjoint("weights", weights, "logits", logits);
      Checks.disjoint("weights", weights, "ids", ids);
      if (bias != null) {
        Checks.disjoint("ids", ids, "bias", bias);
        Checks.disjoint("weights", weights, "bias", bias);
      }
      if (tokens > 0) {
        execute((int) tokens, logits, bias, ids, weights);
      }
      launched(logits.bytes() + ids.bytes() + weights.bytes());
    } finally {
      end();
    }
  }

  /** Computes; all arguments are checked and there is at least one token. */
  protected abstract void execute(
      int tokens, Tensor logits, @Nullable Tensor bias, Tensor ids, Tensor weights);
}
