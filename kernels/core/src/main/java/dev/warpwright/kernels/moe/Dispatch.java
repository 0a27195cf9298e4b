package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;

/**
 * Grouping of routed tokens by expert: a stable counting sort of the choices {@code f = token ·
 * topK + j} by expert.
 *
 * <p>Expert e owns the slots {@code offsets[e] … offsets[e+1]−1}; its choices come first, in
 * ascending f, then padding. {@code order[slot]} is f, or −1 for padding and for slots behind
 * {@code offsets[experts]}. {@code slots[f]} is the inverse, or −1 where the choice was −1 (not
 * routed) or was dropped because its expert was full. Exact.
 */
public abstract class Dispatch extends KernelPlan {
  private final DispatchSpec spec;

  /** A plan for {@code spec}. */
  protected Dispatch(KernelDevice device, DispatchSpec spec, long workspaceBytes) {
    super(device, spec, workspaceBytes);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final DispatchSpec spec() {
    return spec;
  }

  /**
   * Groups choices.
   *
   * @param ids I32 {@code [tokens, topK]}: experts, or −1
   * @param offsets I32 {@code [experts + 1]}, written
   * @param order I32 {@code [spec.slots(tokens)]}, written
   * @param slots I32 {@code [tokens, topK]}, written
   */
  public final void run(Tensor ids, Tensor offsets, Tensor order, Tensor slots) {
    begin();
    try {
      Checks.notNull("ids", ids);
      Checks.that(ids.rank() == 2, "ids.rank", ids.rank(), "2");
      int tokens = (int) Checks.between("ids.shape[0]", ids.size(0), 0, spec.maxTokens());
      requireTensor("ids", ids, DType.I32, tokens, spec.topK());
      requireOutput("offsets", offsets, DType.I32, spec.experts() + 1);
      requireOutput("order", order, DType.I32, spec.slots(tokens));
      requireOutput("slots", slots, DType.I32, tokens, spec.topK());
      Checks.disjoint("offsets", offsets, "ids", ids);
      Checks.disjoint("order", order, "ids", ids);
      Checks.disjoint("slots", slots, "ids", ids);
      Checks.disjoint("order", order, "offsets", offsets);
      Checks.disjoint("slots", slots, "offsets", offsets);
      Checks.disjoint("slots", slots, "order", order);
      if (ids.isHost()) {
        for (long f = 0; f < ids.elements(); f++) {
          int id = ids.getInt(f);
          if (id < -1 || id >= spec.experts()) {
            throw new InvalidArgumentException(
                "ids[" + f / spec.topK() + "][" + f % spec.topK() + "]",
                id,
                "-1.." + (spec.experts() - 1));
          }
        }
      }
      execute(tokens, ids, offsets, order, slots);
      launched(ids.bytes() + offsets.bytes() + order.bytes() + slots.bytes());
    } finally {
      end();
    }
  }

  /**
   * Computes; all arguments are checked. Called for no tokens too: outputs are written then as
   * well.
   */
  protected abstract void execute(
      int tokens, Tensor ids, Tensor offsets, Tensor order, Tensor slots);
}
