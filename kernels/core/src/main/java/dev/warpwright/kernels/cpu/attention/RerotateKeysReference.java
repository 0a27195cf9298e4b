package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;

/** The formula of {@link RerotateKeys}. */
final class RerotateKeysReference extends RerotateKeys {
  private final KvPoolReference pages;
  private final double[] key;

  RerotateKeysReference(KernelDevice device, RerotateKeysSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolReference) pool;
    key = new double[spec.heads().headDim()];
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor positions) {
    for (int row = batch.rowOf(layer, 0, 0); row < batch.rowOf(layer + 1, 0, 0); row++) {
      for (int i = 0; i < batch.length(row); i++) {
        int page = batch.page(row, i / batch.pageSize());
        int slot = i % batch.pageSize();
        int position = positions.getInt(batch.slotStart(row) + i);
        int delta = position - pages.position(page, slot);
        if (delta != 0) {
          pages.getKey(page, slot, key);
          Rotation.rotate(spec().rope(), delta, key);
          pages.putKey(page, slot, key);
          pages.putPosition(page, slot, position);
        }
      }
    }
  }

  @Override
  protected void release() {}
}
