package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.UnsupportedKernelException;
import org.jspecify.annotations.Nullable;

/**
 * What the plans over paged keys and values have in common: a pool, and page tables that change
 * once a step.
 */
public abstract class BatchPlan extends KernelPlan {
  private final KernelSpec spec;
  private final Heads heads;
  private final KvPool pool;
  private final int maxRequests;
  private final int maxTokens;
  private @Nullable PageTables tables;

  /**
   * A plan over {@code pool}, which must be of the same device and have the sizes {@code poolSpec}.
   */
  protected BatchPlan(
      KernelDevice device,
      KernelSpec spec,
      long workspaceBytes,
      Heads heads,
      KvPoolSpec poolSpec,
      KvPool pool,
      int maxRequests,
      int maxTokens) {
    Checks.notNull("pool", pool);
    Checks.that(
        pool.device() == device,
        "pool.device",
        pool.device().place(),
        "the plan's own " + device.place());
    Checks.that(pool.spec().equals(poolSpec), "pool.spec", pool.spec(), poolSpec.toString());
    super(device, spec, workspaceBytes);
    this.spec = spec;
    this.heads = heads;
    this.pool = pool;
    this.maxRequests = maxRequests;
    this.maxTokens = maxTokens;
  }

  /** Layers, heads and head dimension. */
  public final Heads heads() {
    return heads;
  }

  /** The pool that the plan reads or writes. */
  public final KvPool pool() {
    return pool;
  }

  /**
   * Takes over the lengths and pages of a step; must be called before the first run and after each
   * change. The plan keeps a reference: the tables must not be changed until the step's runs are
   * over.
   */
  public final void update(PageTables batch) {
    begin();
    try {
      tables = null;
      Checks.notNull("batch", batch);
      Checks.that(
          batch.layers() == heads.layers(), "batch.layers", batch.layers(), "" + heads.layers());
      Checks.that(
          batch.kvHeads() == heads.kvHeads(),
          "batch.kvHeads",
          batch.kvHeads(),
          "" + heads.kvHeads());
      Checks.between("batch.requests", batch.requests(), 0, maxRequests);
      Checks.between("batch.tokens", batch.tokens(), 0, maxTokens);
      Support positions = pool.takesTokenPositions();
      if (batch.hasTokenPositions() && !positions.supported()) {
        throw new UnsupportedKernelException(device().place(), spec.kernel(), positions.reason());
      }
      batch.require(pool.spec(), writesNewTokens());
      requireBatch(batch);
      prepare(batch);
      tables = batch;
    } finally {
      end();
    }
  }

  /** Whether a run writes the slots of the new tokens. */
  protected abstract boolean writesNewTokens();

  /** Further checks of a kernel on a batch. */
  protected void requireBatch(PageTables batch) {}

  /** Makes the provider ready for a batch that is checked. */
  protected abstract void prepare(PageTables batch);

  /**
   * The batch of this step; refuses a run before the first update, on a closed pool, and for a
   * layer that is not there.
   */
  protected final PageTables requireStep(int layer) {
    PageTables batch = tables;
    if (batch == null) {
      throw new IllegalStateException("no batch: call update before run");
    }
    pool.requireOpen();
    Checks.between("layer", layer, 0, heads.layers() - 1);
    return batch;
  }

  /**
   * Refuses biases that the masking does not ask for, the lack of those it does, and memory shared
   * with the outputs.
   */
  protected final void requireBias(
      Masking masking, AttentionBias bias, Tensor out, @Nullable Tensor lse) {
    requireBias(masking, bias);
    requireApart(bias, "out", out);
    if (lse != null) {
      requireApart(bias, "lse", lse);
    }
  }

  /** Refuses biases that the masking does not ask for, and the lack of those it does. */
  protected final void requireBias(Masking masking, AttentionBias bias) {
    Checks.notNull("bias", bias);
    requirePart("bias.slopes", masking.alibi(), bias.slopes());
    requirePart("bias.sinkLogits", masking.sinkLogits(), bias.sinkLogits());
    SlotArray slots = bias.slotBias();
    if (!masking.slotBias()) {
      Checks.that(slots == null, "bias.slotBias", slots, "null: the masking asks for none");
      return;
    }
    SlotArray given = Checks.notNull("bias.slotBias", slots);
    Checks.that(given.pool() == pool, "bias.slotBias.pool", "another pool", "the plan's pool");
    Checks.that(given.width() == 1, "bias.slotBias.width", given.width(), "1");
    requireReachable("bias.slotBias", given.tensor());
  }

  private void requirePart(String argument, boolean needed, @Nullable Tensor part) {
    if (needed) {
      requireTensor(argument, Checks.notNull(argument, part), DType.F32, heads.queryHeads());
    } else {
      Checks.that(part == null, argument, part, "null: the masking asks for none");
    }
  }

  /** Refuses an output that shares memory with a bias. */
  protected static void requireApart(AttentionBias bias, String argument, Tensor output) {
    if (bias.slopes() != null) {
      Checks.disjoint(argument, output, "bias.slopes", bias.slopes());
    }
    if (bias.sinkLogits() != null) {
      Checks.disjoint(argument, output, "bias.sinkLogits", bias.sinkLogits());
    }
    if (bias.slotBias() != null) {
      Checks.disjoint(argument, output, "bias.slotBias", bias.slotBias().tensor());
    }
  }
}
