package dev.warpwright.kernels.reduce;

/**
 * The reduction family.
 *
 * <p>All methods throw {@link dev.warpwright.kernels.UnsupportedKernelException} where {@link
 * dev.warpwright.kernels.KernelDevice#support} says no.
 */
public interface ReduceKernels {
  /** Plans a reduction of rows that are all there. */
  TreeReduce treeReduce(TreeReduceSpec spec);

  /** Plans the same reduction of rows that arrive one by one, in any order. */
  TreeReduceStream treeReduceStream(TreeReduceSpec spec);
}
