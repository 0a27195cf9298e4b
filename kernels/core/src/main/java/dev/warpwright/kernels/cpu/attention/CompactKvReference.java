package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;

/** The definition of {@link CompactKv}. */
final class CompactKvReference extends CompactKv {
  private final KvPoolReference pages;

  CompactKvReference(KernelDevice device, CompactKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolReference) pool;
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables from, PageTables to, int layer, Tensor kept) {
    int pageSize = from.pageSize();
    for (int row = from.rowOf(layer, 0, 0); row < from.rowOf(layer + 1, 0, 0); row++) {
      for (int i = 0; i < to.length(row); i++) {
        int slot = kept.getInt(from.slotStart(row) + i);
        int page = from.page(row, slot / pageSize);
        int target = to.page(row, i / pageSize);
        pages.copySlot(page, slot % pageSize, target, i % pageSize);
      }
    }
  }

  @Override
  protected void release() {}
}
