package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Adds the scores of a step to the statistics that stand beside each slot. With n = min(window,
 * newTokens) observations of a request, score s and variance v of a slot:
 *
 * <pre>
 *   SUM      a += s
 *   MOMENTS  (c, m, M) = (c + n, m + d · n / (c + n), M + v · (n − 1) + d² · c · n / (c + n)),
 *            d = s − m
 * </pre>
 *
 * <p>For MOMENTS the score is the mean of the observations and v their unbiased variance. With
 * {@code restart} the numbers start from 0 each time. Rows of requests without new tokens stay as
 * they are. Computed in double and rounded once to F32: the same bits everywhere.
 *
 * <p>Sources: Zhang et al. 2023 (arXiv 2306.14048) for the sum, Chan, Golub, LeVeque 1983 for
 * merging moments.
 */
public abstract class ScoreAccumulate extends BatchPlan {
  private final ScoreAccumulateSpec spec;
  private final SlotArray array;

  /** A plan for {@code spec} on {@code array}, which must be attached to {@code pool}. */
  protected ScoreAccumulate(
      KernelDevice device,
      ScoreAccumulateSpec spec,
      KvPool pool,
      SlotArray array,
      long workspaceBytes) {
    Checks.notNull("array", array);
    Checks.that(array.pool() == pool, "array.pool", "another pool", "the plan's pool");
    Checks.that(
        array.width() == spec.statistic().width(),
        "array.width",
        array.width(),
        spec.statistic().width() + " for " + spec.statistic());
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
    this.array = array;
  }

  /** What the plan was made for. */
  public final ScoreAccumulateSpec spec() {
    return spec;
  }

  /** The numbers beside the slots. */
  public final SlotArray array() {
    return array;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  /**
   * Adds one layer's scores. Rows that share a page must not be in one batch: each would add to it.
   *
   * @param layer the layer
   * @param scores F32 {@code [slots of the layer]}
   * @param variances F32 {@code [slots of the layer]}, only for MOMENTS; null for zeros
   */
  public final void run(int layer, Tensor scores, @Nullable Tensor variances) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("scores", scores, DType.F32, batch.slots(layer));
      requireReachable("array", array.tensor());
      Checks.disjoint("array", array.tensor(), "scores", scores);
      if (variances != null) {
        Checks.that(
            spec.statistic() == ScoreAccumulateSpec.Statistic.MOMENTS,
            "variances",
            variances,
            "null for SUM");
        requireTensor("variances", variances, DType.F32, batch.slots(layer));
        Checks.disjoint("array", array.tensor(), "variances", variances);
      }
      if (batch.slots(layer) > 0) {
        execute(batch, layer, scores, variances);
      }
      launched(scores.bytes());
    } finally {
      end();
    }
  }

  /** Adds; all arguments are checked and there is at least one slot. */
  protected abstract void execute(
      PageTables batch, int layer, Tensor scores, @Nullable Tensor variances);
}
