package dev.warpwright.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a mixture-of-experts layer.
 *
 * @param router experts × hidden
 * @param bias F32 {@code [experts]} for the choice of experts, or null
 * @param expand gate and up matrices, each intermediate × hidden
 * @param reduce down matrices, each hidden × intermediate
 */
public record MoeWeights(
    WeightMatrix router, @Nullable Tensor bias, ExpertWeights expand, ExpertWeights reduce) {
  /** Checks that all sizes fit. */
  public MoeWeights {
    Checks.notNull("router", router);
    Checks.notNull("expand", expand);
    Checks.notNull("reduce", reduce);
    Checks.that(expand.isGated(), "expand", "not gated", "gate and up matrices");
    Checks.that(!reduce.isGated(), "reduce", "gated", "one matrix an expert");
    Checks.that(
        router.rows() == expand.experts(), "router.rows", router.rows(), "" + expand.experts());
    Checks.that(
        router.columns() == expand.inputs(),
        "router.columns",
        router.columns(),
        "" + expand.inputs());
    Checks.that(
        reduce.experts() == expand.experts(),
        "reduce.experts",
        reduce.experts(),
        "" + expand.experts());
    Checks.that(
        reduce.inputs() == expand.outputs(),
        "reduce.inputs",
        reduce.inputs(),
        "" + expand.outputs());
    Checks.that(
        reduce.outputs() == expand.inputs(),
        "reduce.outputs",
        reduce.outputs(),
        "" + expand.inputs());
  }

  /** Weights without a bias. */
  public static MoeWeights of(
      WeightMatrix router,
      List<? extends WeightMatrix> gate,
      List<? extends WeightMatrix> up,
      List<? extends WeightMatrix> down) {
    return new MoeWeights(router, null, ExpertWeights.gated(gate, up), ExpertWeights.plain(down));
  }
}
