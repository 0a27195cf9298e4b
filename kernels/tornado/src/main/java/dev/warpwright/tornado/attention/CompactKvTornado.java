package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.tornado.TornadoKernelDevice;

/** {@link CompactKv} by {@link SlotMoves}, one run of moves a row. */
final class CompactKvTornado extends CompactKv {
  private final KvPoolTornado pages;
  private final SlotMoves moves = new SlotMoves();

  CompactKvTornado(TornadoKernelDevice device, CompactKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables from, PageTables to, int layer, Tensor kept) {
    int pageSize = from.pageSize();
    moves.begin();
    for (int row = from.rowOf(layer, 0, 0); row < from.rowOf(layer + 1, 0, 0); row++) {
      for (int i = 0; i < to.length(row); i++) {
        int slot = kept.getInt(from.slotStart(row) + i);
        int source = from.page(row, slot / pageSize) * pageSize + slot % pageSize;
        int target = to.page(row, i / pageSize) * pageSize + i % pageSize;
        // Slots that stay may lie in pages that are shared.
        if (source != target) {
          moves.add(source, target);
        }
      }
      moves.endRun();
    }
    moves.run(pages);
  }

  @Override
  protected void release() {}
}
