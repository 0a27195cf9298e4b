package dev.warpwright.sparse;

import dev.warpwright.kernels.PlanCache;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;

/**
 * A linear layer without bias, {@code y = x · Wᵀ}, with dense, quantised or group-sparse weights.
 *
 * <p>Layers of one shape and format share a plan, so a model of many layers holds one workspace.
 * May be shared by threads; calls of layers that share a plan wait for each other.
 */
public final class Linear implements Resource {
  private final PreparedMatrix weights;
  private final PlanCache.Lease<MatrixProduct> plan;

  /**
   * A layer on the device of {@code plans}.
   *
   * @param plans where the plan comes from
   * @param matrix the weights; copied
   * @param maxRows most rows of one call
   * @param activations how x enters the product
   */
  public Linear(PlanCache plans, WeightMatrix matrix, int maxRows, Activations activations) {
    MatrixProductSpec spec = MatrixProductSpec.of(maxRows, matrix).withActivations(activations);
    plan = plans.lease(MatrixProduct.class, spec, () -> plans.device().sparse().product(spec));
    try {
      weights = plans.device().sparse().prepare(matrix);
    } catch (RuntimeException e) {
      plan.close();
      throw e;
    }
  }

  /** Output features. */
  public int outputs() {
    return weights.rows();
  }

  /** Input features. */
  public int inputs() {
    return weights.columns();
  }

  /** Memory that the weights hold on the device. */
  public long weightBytes() {
    return weights.bytes();
  }

  /**
   * Multiplies.
   *
   * @param x F32 {@code [rows, inputs]}
   * @param y F32 {@code [rows, outputs]}; disjoint from x
   */
  public void apply(Tensor x, Tensor y) {
    MatrixProduct product = plan.lock();
    try {
      product.run(weights, x, y);
    } finally {
      plan.unlock();
    }
  }

  @Override
  public void close() {
    weights.close();
    plan.close();
  }
}
