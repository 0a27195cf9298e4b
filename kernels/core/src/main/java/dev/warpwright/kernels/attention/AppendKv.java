package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;

/**
 * Stores the keys and values of new tokens in their slots and notes their logical positions. Keys
 * are rotated by {@link Rope} at the token's position first, in F32, then keys and values are
 * rounded to the pool's element type. The numbers of every {@link SlotArray} of the pool get their
 * initial value in these slots.
 */
public abstract class AppendKv extends BatchPlan {
  private final AppendKvSpec spec;

  /** A plan for {@code spec}. */
  protected AppendKv(KernelDevice device, AppendKvSpec spec, KvPool pool, long workspaceBytes) {
    super(
        device,
        spec,
        workspaceBytes,
        spec.heads(),
        spec.pool(),
        pool,
        spec.maxRequests(),
        spec.maxTokens());
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final AppendKvSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return true;
  }

  /**
   * Stores one layer's new keys and values.
   *
   * @param layer the layer
   * @param k F32 {@code [tokens, kvHeads, headDim]}, not yet rotated; tokens in the order of the
   *     batch
   * @param v F32 of the same shape
   */
  public final void run(int layer, Tensor k, Tensor v) {
    begin();
    try {
      PageTables batch = requireStep(layer);
      requireTensor("k", k, DType.F32, batch.tokens(), heads().kvHeads(), heads().headDim());
      requireTensor("v", v, DType.F32, batch.tokens(), heads().kvHeads(), heads().headDim());
      if (batch.tokens() > 0) {
        execute(batch, layer, k, v);
      }
      launched(k.bytes() + v.bytes());
    } finally {
      end();
    }
  }

  /** Stores; all arguments are checked and there is at least one token. */
  protected abstract void execute(PageTables batch, int layer, Tensor k, Tensor v);
}
