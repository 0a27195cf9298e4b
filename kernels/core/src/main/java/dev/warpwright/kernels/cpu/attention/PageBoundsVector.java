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

/**
 * Looks at keys; one chunk of work is one row. Whole blocks of finite keys go through {@link
 * BlockBounds}, others are read key by key.
 */
final class PageBoundsVector extends PageBounds {
  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final Scratch[] scratches;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask look = this::look;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private MemorySegment bounds = MemorySegment.NULL;

  /** What a thread needs. */
  private static final class Scratch {
    private final BlockBounds blocks;
    private final float[] key;
    private final float[] low;
    private final float[] high;

    Scratch(KvPoolVector pool) {
      int headDim = pool.spec().headDim();
      blocks = new BlockBounds(pool);
      key = new float[headDim];
      low = new float[headDim];
      high = new float[headDim];
    }

    long bytes() {
      return blocks.bytes() + 3L * Float.BYTES * key.length;
    }
  }

  PageBoundsVector(HostDevice device, PageBoundsSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    scratches = new Scratch[workers.threads()];
    for (int i = 0; i < scratches.length; i++) {
      scratches[i] = new Scratch(pages);
    }
    workspaceIs(scratches.length * scratches[0].bytes());
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
    Scratch scratch = scratches[worker];
    for (int index = firstPage(batch, row); index < batch.usedPageCount(row); index++) {
      int page = batch.page(row, index);
      int filled = Math.min(batch.pageSize(), batch.length(row) - index * batch.pageSize());
      boolean whole = filled % Lanes.BLOCK == 0 && KeyBlock.takes(pages, page);
      if (!whole || !scratch.blocks.look(page, filled, scratch.low, scratch.high)) {
        look(page, filled, scratch.key, scratch.low, scratch.high);
      }
      int headDim = heads().headDim();
      long at = 2L * page * headDim * Float.BYTES;
      MemorySegment.copy(scratch.low, 0, bounds, ValueLayout.JAVA_FLOAT_UNALIGNED, at, headDim);
      at += (long) headDim * Float.BYTES;
      MemorySegment.copy(scratch.high, 0, bounds, ValueLayout.JAVA_FLOAT_UNALIGNED, at, headDim);
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
  }

  @Override
  protected void release() {}
}
