package dev.warpwright.kernels.reduce;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Weighted reduction down the columns of K rows in the canonical tree.
 *
 * <p>Slots 0…K−1 are the leaves: leaf i of a column is {@code fl(w_i · x_i)}. Adjacent nodes are
 * added level by level, {@code fl(left + right)}, and an odd last one is carried up. A missing slot
 * passes its sibling through, and a column of missing slots only gives +0. There is no fused
 * multiply-add and no flush to zero. A mean is {@code fl(S · r)} with {@code r = (float) (1 / Σ
 * w_i)}, Σ in double in slot order over the slots that are there. The same tree is what a binary
 * counter over arriving rows folds, and what aligned chunks of 2^m slots reduced on their own
 * combine to, so the result has the same bits however the work is cut. NaN counts as equal to NaN.
 */
public abstract class TreeReduce extends KernelPlan {
  private final TreeReduceSpec spec;

  /** A plan for {@code spec}. */
  protected TreeReduce(KernelDevice device, TreeReduceSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final TreeReduceSpec spec() {
    return spec;
  }

  /**
   * Reduces rows.
   *
   * @param rows K tensors {@code [columns]} of the planned element type by slot, null where a slot
   *     is missing
   * @param weights K finite weights by slot; those of missing slots are ignored
   * @param out F32 {@code [columns]}; disjoint from all rows
   */
  public final void run(List<? extends @Nullable Tensor> rows, float[] weights, Tensor out) {
    begin();
    try {
      Checks.notNull("rows", rows);
      Checks.notNull("weights", weights);
      Checks.between("rows.size", rows.size(), spec.slots(), spec.slots());
      Checks.between("weights.length", weights.length, spec.slots(), spec.slots());
      requireOutput("out", out, DType.F32, spec.columns());
      double sum = 0;
      int there = 0;
      for (int slot = 0; slot < spec.slots(); slot++) {
        Tensor row = rows.get(slot);
        if (row != null) {
          requireRow(slot, row);
          requireWeight(slot, weights[slot]);
          Checks.disjoint("out", out, "rows", row);
          sum += weights[slot];
          there++;
        }
      }
      execute(rows, weights, MeanFactor.of(spec.operation(), sum, there > 0), out);
      launched(there * spec.columns() * spec.rows().bytes() + out.bytes());
    } finally {
      end();
    }
  }

  // The name of an argument is put together only when it is needed: run must not allocate.

  private void requireRow(int slot, Tensor row) {
    if (row.dtype() != spec.rows() || row.rank() != 1 || row.size(0) != spec.columns()) {
      Checks.tensor("rows[" + slot + "]", row, spec.rows(), spec.columns());
    }
    if (!row.memory().isAlive() || !device().canAccess(row.memory())) {
      requireReachable("rows[" + slot + "]", row);
    }
  }

  private static void requireWeight(int slot, float weight) {
    if (!Float.isFinite(weight)) {
      Checks.finite("weights[" + slot + "]", weight);
    }
  }

  /**
   * Computes; all arguments are checked.
   *
   * @param rows rows by slot
   * @param weights weights by slot
   * @param factor what the sum is multiplied with at the end; 1 means that it is not
   * @param out the result
   */
  protected abstract void execute(
      List<? extends @Nullable Tensor> rows, float[] weights, float factor, Tensor out);
}
