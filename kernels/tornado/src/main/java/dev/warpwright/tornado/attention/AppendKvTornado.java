package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;

/** {@link AppendKv} by {@link SlotWrites}. */
final class AppendKvTornado extends AppendKv {
  private final KvPoolTornado pages;
  private final RotationTornado rotation;

  AppendKvTornado(TornadoKernelDevice device, AppendKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
    rotation = new RotationTornado(spec.rope(), Integer.MAX_VALUE);
  }

  @Override
  protected void prepare(PageTables batch) {
    rotation.update(batch);
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor k, Tensor v) {
    synchronized (pages.program()) {
      SlotWrites writes = SlotWrites.of(pages, heads().kvHeads(), rotation.pairs(), batch.tokens());
      writes.begin(batch.tokens(), rotation, true);
      fillSlots(batch, layer, writes);
      Staged.in(k, writes.keys());
      Staged.in(v, writes.values());
      writes.run();
    }
  }

  private void fillSlots(PageTables batch, int layer, SlotWrites writes) {
    int kvHeads = heads().kvHeads();
    for (int request = 0; request < batch.requests(); request++) {
      for (int i = 0; i < batch.newTokens(request); i++) {
        int token = batch.tokenStart(request) + i;
        writes.position(token, batch.position(request, i));
        for (int head = 0; head < kvHeads; head++) {
          int row = batch.rowOf(layer, request, head);
          int slot = batch.length(row) - batch.newTokens(request) + i;
          int place = SlotNumbers.place(batch, row, slot);
          writes.place(token * kvHeads + head, place);
          pages.resetNumbers(place);
        }
      }
    }
  }

  @Override
  protected void release() {}
}
