package dev.warpwright.kernels.moe;

/**
 * The mixture-of-experts family.
 *
 * <p>All methods throw {@link dev.warpwright.kernels.UnsupportedKernelException} where {@link
 * dev.warpwright.kernels.KernelDevice#support} says no.
 */
public interface MoeKernels {
  /** Plans the choice of experts. */
  Route route(RouteSpec spec);

  /** Plans the grouping of routed tokens by expert. */
  Dispatch dispatch(DispatchSpec spec);

  /** Copies the experts' matrices into the provider's own layout. The caller closes the result. */
  PreparedExperts prepare(ExpertWeights weights);

  /** Plans the product of each token group with its expert's matrices. */
  ExpertMatmul expertMatmul(ExpertMatmulSpec spec);

  /** Plans the weighted sum of the experts' results. */
  Combine combine(CombineSpec spec);
}
