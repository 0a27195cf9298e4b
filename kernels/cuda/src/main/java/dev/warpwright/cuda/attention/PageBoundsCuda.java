package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTables;

/** Starts {@code page_bounds.cu}. */
final class PageBoundsCuda extends PageBounds {
  private static final int THREADS = 128;

  /** Elements of a thread. */
  private static final int QUAD = 4;

  /** Numbers of a page to look at. */
  private static final int LOOK = 2;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final StepTables tables;

  /** Where in the tables the pages of each layer begin. */
  private final int[] looks;

  PageBoundsCuda(CudaKernelDevice device, PageBoundsSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    kernel = device.function("attention/page_bounds", Variants.of("page_bounds", spec.pool()));
    tables = new StepTables(device, "pageBounds");
    looks = new int[spec.heads().layers() + 1];
    super(device, spec, pool, 0);
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    int rows = batch.requests() * heads().kvHeads();
    for (int layer = 0; layer < heads().layers(); layer++) {
      looks[layer] = tables.next();
      for (int row = 0; row < rows; row++) {
        int number = layer * rows + row;
        for (int i = firstPage(batch, number); i < batch.usedPageCount(number); i++) {
          tables.add(row);
          tables.add(i);
        }
      }
    }
    looks[heads().layers()] = tables.next();
    tables.upload();
    device.reserve(CudaRun.staged(boundsBytes()));
    workspaceIs(tables.bytes());
  }

  private long boundsBytes() {
    return 2L * Float.BYTES * spec().pool().headPages() * heads().headDim();
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor bounds) {
    int count = (looks[layer + 1] - looks[layer]) / LOOK;
    if (count == 0) {
      return;
    }
    try (CudaRun run = device.begin()) {
      long to = run.inOut(bounds);
      KernelArguments arguments = run.arguments();
      pages.addTo(arguments);
      arguments.add(pages.scaleAddress());
      tables.addTo(arguments, layer);
      arguments.add(tables.address(looks[layer])).add(count).add(to);
      int threads = heads().headDim() / QUAD;
      int together = THREADS / threads;
      run.launch(
          kernel, new LaunchGrid(Math.ceilDiv(count, together), 1, 1, threads, together, 1, 0));
      run.complete();
    }
  }

  @Override
  protected void release() {
    tables.close();
  }
}
