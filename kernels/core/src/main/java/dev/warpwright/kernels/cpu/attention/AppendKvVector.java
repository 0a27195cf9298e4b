package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;

/** Stores new tokens into a {@link KvPoolVector}; one chunk of work is one row. */
final class AppendKvVector extends AppendKv {
  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final RopeTable rotation;
  private final float[][] keys;
  private final float[][] values;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask storeRow = this::storeRow;
  private PageTables batch;
  private int layer;
  private MemorySegment k = MemorySegment.NULL;
  private MemorySegment v = MemorySegment.NULL;

  AppendKvVector(HostDevice device, AppendKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    rotation = new RopeTable(spec.rope());
    keys = new float[workers.threads()][spec.heads().headDim()];
    values = new float[workers.threads()][spec.heads().headDim()];
    batch = new PageTables(1, 1, 1);
    workspaceIs(bytes());
  }

  private long bytes() {
    return 2L * Float.BYTES * workers.threads() * heads().headDim() + rotation.bytes();
  }

  @Override
  protected void prepare(PageTables next) {
    rotation.update(next);
    workspaceIs(bytes());
  }

  @Override
  protected void execute(PageTables step, int ofLayer, Tensor newKeys, Tensor newValues) {
    batch = step;
    layer = ofLayer;
    k = newKeys.segment();
    v = newValues.segment();
    workers.run(step.requests() * heads().kvHeads(), storeRow);
  }

  private void storeRow(int chunk, int worker) {
    int kvHeads = heads().kvHeads();
    int request = chunk / kvHeads;
    int head = chunk % kvHeads;
    int row = batch.rowOf(layer, request, head);
    int tokens = batch.newTokens(request);
    float[] key = keys[worker];
    float[] value = values[worker];
    for (int i = 0; i < tokens; i++) {
      int token = batch.tokenStart(request) + i;
      long from = ((long) token * kvHeads + head) * key.length * Float.BYTES;
      Rows.copy(k, from, key);
      Rows.copy(v, from, value);
      rotation.rotate(token, key);
      int slot = batch.length(row) - tokens + i;
      pages.put(
          batch.page(row, slot / batch.pageSize()),
          slot % batch.pageSize(),
          key,
          value,
          batch.position(request, i));
    }
  }

  @Override
  protected void release() {}
}
