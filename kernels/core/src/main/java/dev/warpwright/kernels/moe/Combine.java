package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;

/**
 * Weighted sum of the experts' results of each token, {@code y[t] = Σ_j weights[t, j] · h[slots[t,
 * j]]}, j ascending; choices without a slot (−1) add nothing. Deterministic.
 */
public abstract class Combine extends KernelPlan {
  private final CombineSpec spec;

  /** A plan for {@code spec}. */
  protected Combine(KernelDevice device, CombineSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final CombineSpec spec() {
    return spec;
  }

  /**
   * Sums.
   *
   * @param h F32 {@code [slots, columns]}: results in slot order
   * @param slots I32 {@code [tokens, topK]} from {@link Dispatch}
   * @param weights F32 {@code [tokens, topK]} from {@link Route}
   * @param y F32 {@code [tokens, columns]}; disjoint from the inputs
   */
  public final void run(Tensor h, Tensor slots, Tensor weights, Tensor y) {
    begin();
    try {
      Checks.notNull("y", y);
      Checks.that(y.rank() == 2, "y.rank", y.rank(), "2");
      long tokens = Checks.between("y.shape[0]", y.size(0), 0, spec.maxTokens());
      requireOutput("y", y, DType.F32, tokens, spec.columns());
      Checks.notNull("h", h);
      Checks.that(h.rank() == 2, "h.rank", h.rank(), "2");
      long rows = Checks.between("h.shape[0]", h.size(0), 0, spec.maxSlots());
      requireTensor("h", h, DType.F32, rows, spec.columns());
      requireTensor("slots", slots, DType.I32, tokens, spec.topK());
      requireTensor("weights", weights, DType.F32, tokens, spec.topK());
      Checks.disjoint("y", y, "h", h);
      Checks.disjoint("y", y, "slots", slots);
      Checks.disjoint("y", y, "weights", weights);
      if (slots.isHost()) {
        for (long f = 0; f < slots.elements(); f++) {
          int slot = slots.getInt(f);
          if (slot < -1 || slot >= h.size(0)) {
            throw new InvalidArgumentException(
                "slots[" + f / spec.topK() + "][" + f % spec.topK() + "]",
                slot,
                "-1.." + (h.size(0) - 1));
          }
        }
      }
      if (tokens > 0) {
        execute((int) tokens, h, slots, weights, y);
      }
      launched(h.bytes() + y.bytes());
    } finally {
      end();
    }
  }

  /** Computes; all arguments are checked and there is at least one token. */
  protected abstract void execute(int tokens, Tensor h, Tensor slots, Tensor weights, Tensor y);
}
