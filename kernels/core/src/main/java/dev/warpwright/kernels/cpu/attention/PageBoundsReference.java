package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTables;

/** The formula of {@link PageBounds}. */
final class PageBoundsReference extends PageBounds {
  private final KvPoolReference pages;

  PageBoundsReference(KernelDevice device, PageBoundsSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolReference) pool;
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor bounds) {
    for (int row = batch.rowOf(layer, 0, 0); row < batch.rowOf(layer + 1, 0, 0); row++) {
      for (int index = firstPage(batch, row); index < batch.usedPageCount(row); index++) {
        int filled = Math.min(batch.pageSize(), batch.length(row) - index * batch.pageSize());
        look(batch.page(row, index), filled, bounds);
      }
    }
  }

  private void look(int page, int filled, Tensor bounds) {
    int headDim = heads().headDim();
    for (int dim = 0; dim < headDim; dim++) {
      float least = Float.POSITIVE_INFINITY;
      float most = Float.NEGATIVE_INFINITY;
      for (int slot = 0; slot < filled; slot++) {
        least = Math.min(least, pages.key(page, slot, dim));
        most = Math.max(most, pages.key(page, slot, dim));
      }
      bounds.setFloat(2L * page * headDim + dim, least);
      bounds.setFloat((2L * page + 1) * headDim + dim, most);
    }
  }

  @Override
  protected void release() {}
}
