package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;

/**
 * Gives the slots of each row other logical positions and turns their keys accordingly: rotations
 * of one plane add up, so that a key stored at position p becomes the key of position p' by {@link
 * Rope}'s rotation at {@code p' − p}, which may be negative. So a cached chunk of text is used
 * again elsewhere, and what an eviction kept closes ranks.
 *
 * <p>The turn is computed in F32 and rounded once to the pool's element type. A slot whose position
 * stays keeps its bits; values and the numbers beside the slots are not touched. Sources: Su et al.
 * 2021 (arXiv 2104.09864), Xiao et al. 2023 (arXiv 2309.17453) for positions within the cache.
 */
public abstract class RerotateKeys extends BatchPlan {
  private final RerotateKeysSpec spec;

  /** A plan for {@code spec}. */
  protected RerotateKeys(
      KernelDevice device, RerotateKeysSpec spec, KvPool pool, long workspaceBytes) {
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
  public final RerotateKeysSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  /** Refuses a page in two places: it would be turned twice. */
  @Override
  protected final void requireBatch(PageTables batch) {
    batch.requireOwnPages();
  }

  /**
   * Turns the keys of one layer.
   *
   * @param layer the layer
   * @param positions I32 {@code [slots of the layer]}: new positions, at least 0, in page-table
   *     order, rows at {@link PageTables#slotStart}
   */
  public final void run(int layer, Tensor positions) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("positions", positions, DType.I32, batch.slots(layer));
      if (positions.isHost()) {
        for (long i = 0; i < positions.elements(); i++) {
          int position = positions.getInt(i);
          if (position < 0 || position == Integer.MAX_VALUE) {
            throw new InvalidArgumentException(
                "positions[" + i + "]", position, "0.." + (Integer.MAX_VALUE - 1));
          }
        }
      }
      if (batch.slots(layer) > 0) {
        execute(batch, layer, positions);
      }
      launched(positions.bytes());
    } finally {
      end();
    }
  }

  /** Turns; all arguments are checked and there is at least one slot. */
  protected abstract void execute(PageTables batch, int layer, Tensor positions);
}
