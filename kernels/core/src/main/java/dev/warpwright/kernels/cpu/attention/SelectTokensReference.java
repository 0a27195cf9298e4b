package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;

/** The definition of {@link SelectTokens}: a slot is kept if few enough come before it. */
final class SelectTokensReference extends SelectTokens {
  private final KvPoolReference pages;

  SelectTokensReference(KernelDevice device, SelectTokensSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolReference) pool;
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, Tensor budgets, Tensor kept) {
    for (int request = 0; request < batch.requests(); request++) {
      for (int kvHead = 0; kvHead < heads().kvHeads(); kvHead++) {
        int row = batch.rowOf(layer, request, kvHead);
        int budget = budgets.getInt((long) request * heads().kvHeads() + kvHead);
        long at = batch.slotStart(row);
        for (int slot = 0; slot < batch.length(row); slot++) {
          int before = 0;
          for (int other = 0; other < batch.length(row); other++) {
            before += comesBefore(batch, request, row, scores, other, slot) ? 1 : 0;
          }
          if (before < budget) {
            kept.setInt(at++, slot);
          }
        }
        while (at < batch.slotStart(row) + batch.length(row)) {
          kept.setInt(at++, -1);
        }
      }
    }
  }

  private boolean comesBefore(PageTables batch, int request, int row, Tensor scores, int a, int b) {
    boolean aProtected = isProtected(batch, request, row, a);
    if (aProtected != isProtected(batch, request, row, b)) {
      return aProtected;
    }
    float first = scores.getFloat(batch.slotStart(row) + a);
    float second = scores.getFloat(batch.slotStart(row) + b);
    boolean equal = first == second || (Float.isNaN(first) && Float.isNaN(second));
    if (aProtected || equal) {
      return a < b;
    }
    return Float.isNaN(second) || first > second;
  }

  private boolean isProtected(PageTables batch, int request, int row, int slot) {
    int position =
        pages.position(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize());
    return spec().isProtected(position, batch.nextPosition(request));
  }

  @Override
  protected void release() {}
}
