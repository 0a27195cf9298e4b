package dev.warpwright.kernels.reduce;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;
import java.util.Arrays;

/**
 * The reduction of {@link TreeReduce} for rows that arrive one by one, in any order: the same bits.
 * A row is needed only during its {@link #accept}. Nodes whose sibling has not arrived are kept as
 * vectors of F32: at most ⌈K/2⌉ + 1, and ⌈log2 K⌉ + 1 when slots arrive in ascending order. They
 * are allocated when they are needed and kept for the next rows until the plan is closed. When an
 * {@link #accept} fails its row has not arrived and the others are whole.
 */
public abstract class TreeReduceStream extends KernelPlan {
  private final TreeReduceSpec spec;
  private final boolean[] arrived;
  private final float[] weights;

  /** A plan for {@code spec}. */
  protected TreeReduceStream(KernelDevice device, TreeReduceSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
    this.arrived = new boolean[spec.slots()];
    this.weights = new float[spec.slots()];
  }

  /** What the plan was made for. */
  public final TreeReduceSpec spec() {
    return spec;
  }

  /**
   * Adds a row.
   *
   * @param slot its slot, below K; each slot once until {@link #finish}
   * @param row tensor {@code [columns]} of the planned element type
   * @param weight a finite weight
   */
  public final void accept(int slot, Tensor row, float weight) {
    begin();
    try {
      Checks.between("slot", slot, 0, spec.slots() - 1);
      if (arrived[slot]) {
        throw new InvalidArgumentException("slot", slot, "a slot that has not arrived yet");
      }
      requireTensor("row", row, spec.rows(), spec.columns());
      Checks.finite("weight", weight);
      add(slot, row, weight);
      arrived[slot] = true;
      weights[slot] = weight;
      launched(row.bytes());
    } finally {
      end();
    }
  }

  /**
   * Writes the result of the rows that have arrived and makes the plan ready for new ones. When an
   * argument is refused the rows are kept; a failure after that loses them.
   *
   * @param out F32 {@code [columns]}
   */
  public final void finish(Tensor out) {
    begin();
    try {
      requireOutput("out", out, DType.F32, spec.columns());
      double sum = 0;
      boolean any = false;
      for (int slot = 0; slot < spec.slots(); slot++) {
        if (arrived[slot]) {
          sum += weights[slot];
          any = true;
        }
      }
      float factor = MeanFactor.of(spec.operation(), sum, any);
      try {
        complete(factor, out);
      } finally {
        Arrays.fill(arrived, false);
      }
      launched(out.bytes());
    } finally {
      end();
    }
  }

  /** Most vectors that the plan has held at the same time. */
  public abstract int peakNodes();

  /** Adds a row; all arguments are checked. */
  protected abstract void add(int slot, Tensor row, float weight);

  /**
   * Folds what is left, multiplies by {@code factor} unless it is 1, writes {@code out}, and
   * forgets all rows, also when it fails. Without any row {@code out} becomes +0.
   */
  protected abstract void complete(float factor, Tensor out);
}
