package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;

/**
 * Product with the transpose of a weight matrix, {@code y[m, n] = Σ_k x[m, k] · W[n, k]}.
 *
 * <p>For quantised formats W is what {@link WeightMatrix#decodeRow} gives, so {@code y[m, n] = Σ_t
 * s_t (Σ_u q_{t,u} x[m, G·c_t+u] − z_t Σ_u x[m, G·c_t+u])} over the stored groups t of row n. What
 * a NaN or an infinity in x adds where groups are left out, nothing or NaN, is not defined. x
 * enters as the plan's {@link Activations} say. Elements of x behind the last column are never
 * read. Sums are F32 in an order that depends on the shape of W only: a row of y has the same bits
 * whatever else is in the batch, and in every run on one provider. On a device that was opened with
 * a {@link dev.warpwright.kernels.VendorLibrary} that holds for one number of rows.
 */
public abstract class MatrixProduct extends KernelPlan {
  private final MatrixProductSpec spec;

  /** A plan for {@code spec}. */
  protected MatrixProduct(KernelDevice device, MatrixProductSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final MatrixProductSpec spec() {
    return spec;
  }

  /**
   * Multiplies.
   *
   * @param w weights of the planned shape and format, prepared by the plan's device
   * @param x F32 {@code [rows, inputs]}, rows at most {@code maxRows}
   * @param y F32 {@code [rows, outputs]}; disjoint from x
   */
  public final void run(PreparedMatrix w, Tensor x, Tensor y) {
    begin();
    try {
      requireWeights(w);
      Checks.notNull("x", x);
      Checks.that(x.rank() == 2, "x.rank", x.rank(), "2");
      long rows = Checks.between("x.shape[0]", x.size(0), 0, spec.maxRows());
      requireTensor("x", x, DType.F32, rows, spec.inputs());
      requireOutput("y", y, DType.F32, rows, spec.outputs());
      Checks.disjoint("y", y, "x", x);
      if (rows > 0) {
        execute(w, (int) rows, x, y);
      }
      launched(w.bytes() + x.bytes() + y.bytes());
    } finally {
      end();
    }
  }

  /** Texts are made for a refusal only: {@code run} must not allocate. */
  private void requireWeights(PreparedMatrix w) {
    Checks.notNull("w", w);
    if (w.device() != device()) {
      throw new InvalidArgumentException(
          "w.device", w.device().place(), "the plan's own " + device().place());
    }
    Checks.that(w.isOpen(), "w", "closed", "open weights");
    if (w.rows() != spec.outputs() || w.columns() != spec.inputs()) {
      throw new InvalidArgumentException(
          "w.shape",
          "[" + w.rows() + ", " + w.columns() + "]",
          "[" + spec.outputs() + ", " + spec.inputs() + "]");
    }
    if (!w.format().equals(spec.format())) {
      throw new InvalidArgumentException("w.format", w.format(), spec.format().toString());
    }
  }

  /** Computes; all arguments are checked and there is at least one row. */
  protected abstract void execute(PreparedMatrix w, int rows, Tensor x, Tensor y);
}
