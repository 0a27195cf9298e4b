package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Product of each expert's token group with the expert's matrices, activation included: {@code
 * y[slot] = act(gate_e · x_slot) ⊙ (up_e · x_slot)} for the slots of each expert e.
 *
 * <p>x_slot is row {@code order[slot] / topK} of x, or row {@code slot} when the plan's topK is 0.
 * Padding slots ({@code order = −1}) and slots behind the last offset are left as they were. Sums
 * as for {@link dev.warpwright.kernels.sparse.MatrixProduct}.
 */
public abstract class ExpertMatmul extends KernelPlan {
  private final ExpertMatmulSpec spec;

  /** A plan for {@code spec}. */
  protected ExpertMatmul(KernelDevice device, ExpertMatmulSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final ExpertMatmulSpec spec() {
    return spec;
  }

  /**
   * Multiplies.
   *
   * @param w experts of the planned shape and format, prepared by the plan's device
   * @param offsets I32 {@code [experts + 1]} from {@link Dispatch}
   * @param order I32 {@code [slots]} from {@link Dispatch}; null when the plan's topK is 0 and
   *     there is no padding
   * @param x F32 {@code [tokens, inputs]}, or {@code [slots, inputs]} when the plan's topK is 0
   * @param y F32 {@code [slots, outputs]}; disjoint from x
   */
  public final void run(
      PreparedExperts w, Tensor offsets, @Nullable Tensor order, Tensor x, Tensor y) {
    begin();
    try {
      requireWeights(w);
      Checks.notNull("y", y);
      Checks.that(y.rank() == 2, "y.rank", y.rank(), "2");
      long slots = Checks.between("y.shape[0]", y.size(0), 0, spec.maxSlots());
      requireOutput("y", y, DType.F32, slots, spec.outputs());
      requireTensor("offsets", offsets, DType.I32, spec.experts() + 1);
      Checks.notNull("x", x);
      Checks.that(x.rank() == 2, "x.rank", x.rank(), "2");
      long rows =
          spec.topK() == 0 ? slots : Checks.between("x.shape[0]", x.size(0), 0, spec.maxRows());
      requireTensor("x", x, DType.F32, rows, spec.inputs());
      Checks.that(
          order != null || spec.topK() == 0, "order", null, "not null: the plan gathers tokens");
      if (order != null) {
        requireTensor("order", order, DType.I32, slots);
        Checks.disjoint("y", y, "order", order);
      }
      Checks.disjoint("y", y, "x", x);
      Checks.disjoint("y", y, "offsets", offsets);
      requireIndices(offsets, order, slots, x.size(0));
      if (slots > 0) {
        execute(w, (int) slots, offsets, order, x, y);
      }
      launched(w.bytes() + x.bytes() + y.bytes());
    } finally {
      end();
    }
  }

  private void requireWeights(PreparedExperts w) {
    Checks.notNull("w", w);
    if (w.device() != device()) {
      throw new InvalidArgumentException(
          "w.device", w.device().place(), "the plan's own " + device().place());
    }
    if (!w.isOpen()) {
      throw new InvalidArgumentException("w", "closed", "open weights");
    }
    if (w.experts() != spec.experts()
        || w.outputs() != spec.outputs()
        || w.inputs() != spec.inputs()) {
      throw new InvalidArgumentException(
          "w.shape",
          "[" + w.experts() + ", " + w.outputs() + ", " + w.inputs() + "]",
          "[" + spec.experts() + ", " + spec.outputs() + ", " + spec.inputs() + "]");
    }
    if (!w.format().equals(spec.format())) {
      throw new InvalidArgumentException("w.format", w.format(), spec.format().toString());
    }
    if (w.isGated() != (spec.activation() != ExpertMatmulSpec.Activation.NONE)) {
      throw new InvalidArgumentException(
          "w.isGated", w.isGated(), "what activation " + spec.activation() + " needs");
    }
  }

  private void requireIndices(Tensor offsets, @Nullable Tensor order, long slots, long rows) {
    if (offsets.isHost()) {
      int before = 0;
      for (int e = 0; e <= spec.experts(); e++) {
        int offset = offsets.getInt(e);
        if (offset < before || offset > slots || (e == 0 && offset != 0)) {
          throw new InvalidArgumentException(
              "offsets[" + e + "]", offset, before + ".." + (e == 0 ? 0 : slots));
        }
        before = offset;
      }
    }
    if (order != null && order.isHost()) {
      long limit = spec.topK() == 0 ? Integer.MAX_VALUE : rows * spec.topK();
      for (long slot = 0; slot < slots; slot++) {
        int choice = order.getInt(slot);
        if (choice < -1 || choice >= limit) {
          throw new InvalidArgumentException("order[" + slot + "]", choice, "-1.." + (limit - 1));
        }
      }
    }
  }

  /** Computes; all arguments are checked and there is at least one slot. */
  protected abstract void execute(
      PreparedExperts w, int slots, Tensor offsets, @Nullable Tensor order, Tensor x, Tensor y);
}
