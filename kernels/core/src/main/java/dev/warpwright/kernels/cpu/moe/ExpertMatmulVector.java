package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.sparse.VectorMatrix;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.PreparedExperts;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Cuts the work into items (expert, block of its slots, range of its units of output rows) that the
 * threads claim. An item's gate, up and activated outputs stay in the thread's cache.
 */
final class ExpertMatmulVector extends ExpertMatmul implements WorkerPool.ChunkTask {
  /** Slots that one pass over an expert's weights serves: enough for arithmetic to be the limit. */
  private static final int BLOCK_SLOTS = 64;

  /** Keeps the arrays of very wide matrices within what an array can index. */
  private static final int BLOCK_ELEMENTS = 1 << 28;

  /** Outputs of an item, so that they stay in the cache until they are activated. */
  private static final int ITEM_OUTPUTS = 1 << 14;

  /** Items a thread: more level out threads that are held back, fewer stream longer. */
  private static final int ITEMS = 16;

  private final WorkerPool pool;
  private final int blockSlots;
  private final ExpertItems[] items;
  private final int[] offsets;
  private final int[] order;

  /** Experts with slots, and the number of their first item; one more for the end. */
  private final int[] active;

  private final int[] firstItem;
  private int activeExperts;

  /** Ranges that each expert's units are cut into. */
  private int ranges;

  private MemorySegment x = MemorySegment.NULL;
  private MemorySegment y = MemorySegment.NULL;

  /** Null between runs, so that a plan keeps no weights alive. */
  private @Nullable PreparedExpertsVector weights;

  ExpertMatmulVector(HostDevice device, ExpertMatmulSpec spec) {
    int threads = device.pool().threads();
    int widest =
        Math.max(VectorMatrix.paddedColumns(spec.inputs()), spec.outputs() + VectorExp.PADDING);
    int blockSlots = Math.min(spec.maxSlots(), Math.clamp(BLOCK_ELEMENTS / widest, 1, BLOCK_SLOTS));
    super(
        device,
        spec,
        threads * ExpertItems.bytes(device, spec, blockSlots)
            + 4L * spec.maxSlots()
            + 4L * (3L * spec.experts() + 2));
    this.pool = device.pool();
    this.blockSlots = blockSlots;
    this.items = new ExpertItems[threads];
    for (int i = 0; i < threads; i++) {
      items[i] = new ExpertItems(device, spec, blockSlots);
    }
    this.offsets = new int[spec.experts() + 1];
    this.order = new int[spec.maxSlots()];
    this.active = new int[spec.experts()];
    this.firstItem = new int[spec.experts() + 1];
  }

  @Override
  protected void execute(
      PreparedExperts w, int slots, Tensor offsets, @Nullable Tensor order, Tensor x, Tensor y) {
    MemorySegment.copy(
        offsets.segment(), ValueLayout.JAVA_INT_UNALIGNED, 0, this.offsets, 0, this.offsets.length);
    if (order == null) {
      for (int slot = 0; slot < slots; slot++) {
        this.order[slot] = slot;
      }
    } else {
      MemorySegment.copy(order.segment(), ValueLayout.JAVA_INT_UNALIGNED, 0, this.order, 0, slots);
    }
    this.x = x.segment();
    this.y = y.segment();
    PreparedExpertsVector experts = (PreparedExpertsVector) w;
    weights = experts;
    for (ExpertItems item : items) {
      item.forget();
    }
    pool.run(cut(experts), this);
    weights = null;
  }

  /** Lists the experts with slots and returns the number of items. */
  private int cut(PreparedExpertsVector experts) {
    activeExperts = 0;
    int blocks = 0;
    int most = 0;
    int parts = 1;
    for (int e = 0; e < spec().experts(); e++) {
      int slots = offsets[e + 1] - offsets[e];
      if (slots > 0) {
        active[activeExperts] = e;
        firstItem[activeExperts] = blocks;
        activeExperts++;
        blocks += Math.ceilDiv(slots, blockSlots);
        most = Math.max(most, Math.min(slots, blockSlots));
        parts = Math.max(parts, experts.expert(e).parts());
      }
    }
    int wanted =
        pool.threads() == 1 ? 1 : Math.ceilDiv(ITEMS * pool.threads(), Math.max(blocks, 1));
    int cached = (int) Math.ceilDiv((long) most * spec().outputs(), ITEM_OUTPUTS);
    ranges = Math.clamp(Math.max(wanted, cached), 1, parts);
    for (int i = 0; i < activeExperts; i++) {
      firstItem[i] *= ranges;
    }
    firstItem[activeExperts] = blocks * ranges;
    return blocks * ranges;
  }

  @Override
  public void run(int item, int worker) {
    PreparedExpertsVector experts = weights;
    if (experts == null) {
      throw new IllegalStateException("an item outside run");
    }
    int found = Arrays.binarySearch(firstItem, 0, activeExperts, item);
    int i = found >= 0 ? found : -found - 2;
    int expert = active[i];
    int block = (item - firstItem[i]) / ranges;
    int range = (item - firstItem[i]) % ranges;
    int from = offsets[expert] + block * blockSlots;
    int to = Math.min(from + blockSlots, offsets[expert + 1]);
    items[worker].gather(from, to, order, x);
    items[worker].multiply(experts.expert(expert), range, ranges, y);
  }

  @Override
  protected void release() {
    Arrays.fill(items, null);
  }
}
