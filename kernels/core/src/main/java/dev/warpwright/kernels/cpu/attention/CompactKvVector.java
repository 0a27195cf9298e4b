package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Moves slots; one chunk of work is one row, whose slots move in rising order. */
final class CompactKvVector extends CompactKv {
  private final WorkerPool workers;
  private final KvPoolVector pages;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask move = this::move;
  private PageTables from = new PageTables(1, 1, 1);
  private PageTables to = from;
  private int layer;
  private MemorySegment kept = MemorySegment.NULL;

  CompactKvVector(HostDevice device, CompactKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables before, PageTables after, int ofLayer, Tensor slots) {
    from = before;
    to = after;
    layer = ofLayer;
    kept = slots.segment();
    workers.run(before.requests() * heads().kvHeads(), move);
  }

  private void move(int chunk, int worker) {
    int row = from.rowOf(layer, 0, 0) + chunk;
    int pageSize = from.pageSize();
    long start = from.slotStart(row);
    for (int i = 0; i < to.length(row); i++) {
      int slot = kept.get(ValueLayout.JAVA_INT_UNALIGNED, (start + i) * Integer.BYTES);
      int page = from.page(row, slot / pageSize);
      int target = to.page(row, i / pageSize);
      // Most slots of a protected prefix stay, and pages that are shared must not be written.
      if (slot != i || page != target) {
        pages.copySlot(page, slot % pageSize, target, i % pageSize);
      }
    }
  }

  @Override
  protected void release() {}
}
