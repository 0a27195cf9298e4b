package dev.warpwright.kernels.sparse;

/**
 * The matrix-product family: brings weight matrices into a provider's own layout, once, and makes
 * plans of products with them.
 *
 * <p>All methods throw {@link dev.warpwright.kernels.UnsupportedKernelException} where {@link
 * dev.warpwright.kernels.KernelDevice#support} says no.
 */
public interface SparseKernels {
  /**
   * Copies a matrix into the provider's own layout. The caller closes the result; the matrix is not
   * needed after.
   */
  PreparedMatrix prepare(WeightMatrix matrix);

  /** Plans a product with dense, quantised or group-sparse matrices of one shape and format. */
  MatrixProduct product(MatrixProductSpec spec);
}
