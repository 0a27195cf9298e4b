package dev.warpwright.kernels;

import java.util.Locale;

/** The four families that kernels, packages and providers are divided into. */
public enum KernelFamily {
  /** The decoder block's attention half: normalisation, KV pages, attention, eviction. */
  ATTENTION,
  /** Matrix products with dense, quantised and group-sparse weights. */
  SPARSE,
  /** Mixture-of-experts routing and expert products. */
  MOE,
  /** Reductions over many update vectors. */
  REDUCE;

  /** Name of the family in packages and reports. */
  public String stem() {
    return name().toLowerCase(Locale.ROOT);
  }
}
