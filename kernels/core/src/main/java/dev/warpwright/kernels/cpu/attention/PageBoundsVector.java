package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Looks at keys; one chunk of work is one row. */
final class PageBoundsVector extends PageBounds {
  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final float[][] keys;
  private final float[][] least;
  private final float[][] most;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask look = this::look;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private MemorySegment bounds = MemorySegment.NULL;

  PageBoundsVector(HostDevice device, PageBoundsSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    int headDim = spec.heads().headDim();
    keys = new float[workers.threads()][headDim];
    least = new float[workers.threads()][headDim];
    most = new float[workers.threads()][headDim];
    workspaceIs(3L * Float.BYTES * workers.threads() * headDim);
  }

  @Override
  protected void prepare(PageTables next) {}

  @Override
  protected void execute(PageTables step, int ofLayer, Tensor to) {
    batch = step;
    layer = ofLayer;
    bounds = to.segment();
    workers.run(step.requests() * heads().kvHeads(), look);
  }

  private void look(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    for (int index = firstPage(batch, row); index < batch.usedPageCount(row); index++) {
      int filled = Math.min(batch.pageSize(), batch.length(row) - index * batch.pageSize());
      look(batch.page(row, index), filled, keys[worker], least[worker], most[worker]);
    }
  }

  private void look(int page, int filled, float[] key, float[] low, float[] high) {
    Arrays.fill(low, Float.POSITIVE_INFINITY);
    Arrays.fill(high, Float.NEGATIVE_INFINITY);
    for (int slot = 0; slot < filled; slot++) {
      pages.getKey(page, slot, key);
      for (int dim = 0; dim < key.length; dim++) {
        low[dim] = Math.min(low[dim], key[dim]);
        high[dim] = Math.max(high[dim], key[dim]);
      }
    }
    long at = 2L * page * key.length * Float.BYTES;
    MemorySegment.copy(low, 0, bounds, ValueLayout.JAVA_FLOAT_UNALIGNED, at, key.length);
    at += (long) key.length * Float.BYTES;
    MemorySegment.copy(high, 0, bounds, ValueLayout.JAVA_FLOAT_UNALIGNED, at, key.length);
  }

  @Override
  protected void release() {}
}
