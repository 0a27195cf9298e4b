package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;

/**
 * Moves slots; one chunk of work is one row, whose slots move in rising order: what is written was
 * read before.
 */
final class CompactKvVector extends CompactKv {
  private final WorkerPool workers;
  private final SlotMoves[] moves;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask move = this::move;
  private PageTables from = new PageTables(1, 1, 1);
  private PageTables to = from;
  private int layer;
  private MemorySegment kept = MemorySegment.NULL;

  CompactKvVector(HostDevice device, CompactKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    moves = new SlotMoves[workers.threads()];
    for (int i = 0; i < moves.length; i++) {
      moves[i] = new SlotMoves((KvPoolVector) pool);
    }
    workspaceIs(moves.length * moves[0].bytes());
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
    for (int index = 0; index < to.usedPageCount(row); index++) {
      int page = to.page(row, index);
      int own = page == from.page(row, index) ? index : -1;
      int filled = Math.min(pageSize, to.length(row) - index * pageSize);
      for (int slot = 0; slot < filled; slot += Lanes.BLOCK) {
        long at = (from.slotStart(row) + (long) index * pageSize + slot) * Integer.BYTES;
        int count = Math.min(Lanes.BLOCK, filled - slot);
        moves[worker].move(from, row, kept, at, count, page, slot, own);
      }
    }
  }

  @Override
  protected void release() {}
}
