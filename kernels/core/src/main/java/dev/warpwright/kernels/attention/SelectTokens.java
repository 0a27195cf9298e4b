package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;

/**
 * Chooses the slots of each row that are kept: the first {@code min(budget, length)} in this order:
 * protected tokens before others, then larger scores before smaller ones, then lower slots. NaN is
 * the lowest score of all, −0 equals +0. So the choice is exact, and its size is known beforehand.
 *
 * <p>Protected are the first {@code protectedPrefix} positions and the last {@code recents} ones
 * before the position behind the request's last token. Of protected tokens their order alone
 * decides when there are more than the budget.
 *
 * <p>The chosen slots of a row stand in rising order at {@link PageTables#slotStart}; the rest of
 * the row's place holds −1. This is what {@link CompactKv} takes.
 */
public abstract class SelectTokens extends BatchPlan {
  private final SelectTokensSpec spec;

  /** A plan for {@code spec}. */
  protected SelectTokens(
      KernelDevice device, SelectTokensSpec spec, KvPool pool, long workspaceBytes) {
    super(
        device,
        spec,
        workspaceBytes,
        spec.heads(),
        spec.pool(),
        pool,
        spec.maxRequests(),
        Integer.MAX_VALUE);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final SelectTokensSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  @Override
  protected final void requireBatch(PageTables batch) {
    Checks.between("batch.maxLength", batch.maxLength(), 0, spec.maxLength());
  }

  /**
   * Chooses the slots of one layer.
   *
   * @param layer the layer
   * @param scores F32 {@code [slots of the layer]}
   * @param budgets I32 {@code [requests, kvHeads]}: most slots of each row
   * @param kept I32 {@code [slots of the layer]}; disjoint from the other arguments
   */
  public final void run(int layer, Tensor scores, Tensor budgets, Tensor kept) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("scores", scores, DType.F32, batch.slots(layer));
      requireTensor("budgets", budgets, DType.I32, batch.requests(), heads().kvHeads());
      requireOutput("kept", kept, DType.I32, batch.slots(layer));
      Checks.disjoint("kept", kept, "scores", scores);
      Checks.disjoint("kept", kept, "budgets", budgets);
      if (budgets.isHost()) {
        for (long row = 0; row < budgets.elements(); row++) {
          if (budgets.getInt(row) < 0) {
            throw new InvalidArgumentException(
                "budgets[" + row + "]", budgets.getInt(row), "at least 0");
          }
        }
      }
      if (batch.slots(layer) > 0) {
        execute(batch, layer, scores, budgets, kept);
      }
      launched(scores.bytes() + kept.bytes());
    } finally {
      end();
    }
  }

  /** Chooses; all arguments are checked and there is at least one slot. */
  protected abstract void execute(
      PageTables batch, int layer, Tensor scores, Tensor budgets, Tensor kept);
}
