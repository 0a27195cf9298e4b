package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/** {@link PageBounds} with one work item an element of a page's bounds. */
final class PageBoundsTornado extends PageBounds {
  /** Numbers before those of the pages: pages, slots of a page, elements of a head. */
  private static final int HEADER = 3;

  private final KvPoolTornado pages;

  PageBoundsTornado(TornadoKernelDevice device, PageBoundsSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
  }

  /**
   * The bounds of pages, one after the other. Zeros are told apart by their reciprocals, NaN is
   * found apart from comparisons.
   *
   * @param step numbers of the run; for each page its number and filled slots
   * @param scales of the keys of each page's slots, where the pool has them
   */
  static void pageBounds(
      KernelContext context,
      int type,
      IntArray step,
      FloatArray scales,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      FloatArray bounds) {
    int item = context.globalIdx;
    int headDim = step.get(2);
    if (item < step.get(0) * headDim) {
      int index = item / headDim;
      int dim = item - index * headDim;
      int first = step.get(HEADER + 2 * index) * step.get(1);
      int filled = step.get(HEADER + 2 * index + 1);
      float least = Float.POSITIVE_INFINITY;
      float most = Float.NEGATIVE_INFINITY;
      float bad = 0;
      for (int slot = first; slot < first + filled; slot++) {
        float key = Elements.get(type, keys, shortKeys, byteKeys, slot * headDim + dim);
        if (type >= Elements.I8) {
          key = key * scales.get(index * step.get(1) + slot - first);
        }
        if (Float.isNaN(key)) {
          bad = key;
        } else {
          if (key < least) {
            least = key;
          }
          if (key > most) {
            most = key;
          }
          if (key == 0) {
            if (least == 0) {
              if (1 / key < 0) {
                least = key;
              }
            }
            if (most == 0) {
              if (1 / key > 0) {
                most = key;
              }
            }
          }
        }
      }
      if (Float.isNaN(bad)) {
        least = bad;
        most = bad;
      }
      bounds.set(2 * index * headDim + dim, least);
      bounds.set((2 * index + 1) * headDim + dim, most);
    }
  }

  /** The bounds of up to some number of pages, and the kernel. */
  private static final class Pages {
    final Program.Kernel kernel;
    final IntArray step;
    final FloatArray scales;
    final FloatArray bounds;

    Pages(KvPoolTornado pool, int pages) {
      step = Staged.ints(HEADER + 2L * pages);
      scales = Staged.floats(pool.isScaled() ? (long) pages * pool.spec().pageSize() : 0);
      bounds = Staged.floats(2L * pages * pool.spec().headDim());
      KernelContext context = new KernelContext();
      kernel =
          pool.program()
              .add(
                  "pageBounds",
                  List.of(step, scales),
                  List.of(bounds),
                  false,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              PageBoundsTornado::pageBounds,
                              context,
                              pool.type(),
                              step,
                              scales,
                              pool.keys().floats,
                              pool.keys().shorts,
                              pool.keys().bytes,
                              bounds)));
    }
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor bounds) {
    int size = BySize.capacity(batch.usedPages(layer), Integer.MAX_VALUE);
    synchronized (pages.program()) {
      Pages run = pages.kernel(Pages.class, size, n -> new Pages(pages, n));
      int count = 0;
      for (int row = batch.rowOf(layer, 0, 0); row < batch.rowOf(layer + 1, 0, 0); row++) {
        for (int index = firstPage(batch, row); index < batch.usedPageCount(row); index++) {
          int filled = Math.min(batch.pageSize(), batch.length(row) - index * batch.pageSize());
          run.step.set(HEADER + 2 * count, batch.page(row, index));
          run.step.set(HEADER + 2 * count + 1, filled);
          for (int i = 0; i < filled && pages.isScaled(); i++) {
            int place = batch.page(row, index) * batch.pageSize() + i;
            run.scales.set(count * batch.pageSize() + i, pages.keyScale(place));
          }
          count++;
        }
      }
      if (count > 0) {
        int headDim = heads().headDim();
        Staged.in(run.step, count, batch.pageSize(), headDim);
        pages.program().run(run.kernel, Staged.groups((long) count * headDim));
        long bytes = 2L * headDim * Float.BYTES;
        for (int i = 0; i < count; i++) {
          MemorySegment page = bounds.row(run.step.get(HEADER + 2 * i)).segment();
          MemorySegment.copy(run.bounds.getSegment(), i * bytes, page, 0, bytes);
        }
      }
    }
  }

  @Override
  protected void release() {}
}
