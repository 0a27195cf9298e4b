package dev.warpwright.kernels;

/**
 * What a plan is made for: fixed sizes, maxima and options of one kernel. Specs check themselves
 * when they are made.
 */
public interface KernelSpec {
  /** The kernel that the spec describes. */
  KernelId kernel();
}
