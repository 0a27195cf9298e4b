package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;

/** The formula of {@link AppendKv}. */
final class AppendKvReference extends AppendKv {
  private final KvPoolReference pages;
  private final double[] key;
  private final double[] value;

  AppendKvReference(KernelDevice device, AppendKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolReference) pool;
    key = new double[spec.heads().headDim()];
    value = new double[spec.heads().headDim()];
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor k, Tensor v) {
    for (int request = 0; request < batch.requests(); request++) {
      for (int i = 0; i < batch.newTokens(request); i++) {
        for (int head = 0; head < heads().kvHeads(); head++) {
          int row = batch.rowOf(layer, request, head);
          int slot = batch.length(row) - batch.newTokens(request) + i;
          int token = batch.tokenStart(request) + i;
          store(
              batch.page(row, slot / batch.pageSize()),
              slot % batch.pageSize(),
              batch.position(request, i),
              ((long) token * heads().kvHeads() + head) * heads().headDim(),
              k,
              v);
        }
      }
    }
  }

  private void store(int page, int slot, int position, long from, Tensor k, Tensor v) {
    for (int dim = 0; dim < key.length; dim++) {
      key[dim] = k.getFloat(from + dim);
    }
    Rotation.rotate(spec().rope(), position, key);
    for (int dim = 0; dim < key.length; dim++) {
      value[dim] = v.getFloat(from + dim);
    }
    SlotNumbers.reset(pages, page, slot);
    pages.putKey(page, slot, key);
    pages.putValue(page, slot, value);
    pages.putPosition(page, slot, position);
  }

  @Override
  protected void release() {}
}
