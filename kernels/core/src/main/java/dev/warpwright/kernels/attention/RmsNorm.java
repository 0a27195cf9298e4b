package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;

/**
 * Root-mean-square normalisation: {@code y[t,c] = x[t,c] / sqrt(mean_c(x[t,c]²) + epsilon) ·
 * weight[c]}.
 *
 * <p>Deterministic: the same bits in every run on one provider. Source: Zhang and Sennrich 2019
 * (arXiv 1910.07467).
 */
public abstract class RmsNorm extends KernelPlan {
  private final RmsNormSpec spec;

  /** A plan for {@code spec}. */
  protected RmsNorm(KernelDevice device, RmsNormSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final RmsNormSpec spec() {
    return spec;
  }

  /**
   * Normalises rows.
   *
   * @param x F32 {@code [rows, columns]}, rows at most {@code maxRows}
   * @param weight F32 {@code [columns]}
   * @param y F32 {@code [rows, columns]}; disjoint from the inputs
   */
  public final void run(Tensor x, Tensor weight, Tensor y) {
    begin();
    try {
      Checks.notNull("x", x);
      Checks.that(x.rank() == 2, "x.rank", x.rank(), "2");
      long rows = Checks.between("x.shape[0]", x.size(0), 0, spec.maxRows());
      requireTensor("x", x, DType.F32, rows, spec.columns());
      requireTensor("weight", weight, DType.F32, spec.columns());
      requireOutput("y", y, DType.F32, rows, spec.columns());
      Checks.disjoint("y", y, "x", x);
      Checks.disjoint("y", y, "weight", weight);
      if (rows > 0) {
        execute((int) rows, x, weight, y);
      }
      launched(2 * x.bytes() + weight.bytes());
    } finally {
      end();
    }
  }

  /** Computes; all arguments are checked and there is at least one row. */
  protected abstract void execute(int rows, Tensor x, Tensor weight, Tensor y);
}
