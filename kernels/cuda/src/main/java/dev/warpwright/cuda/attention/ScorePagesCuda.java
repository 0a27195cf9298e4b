package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec.Estimate;
import dev.warpwright.kernels.attention.ScorePagesSpec.Reduction;

/** Starts {@code score_pages.cu}. */
final class ScorePagesCuda extends ScorePages {
  private static final int THREADS = 128;

  /** Pages of a block: bounds are some times as much as the queries of a group. */
  private static final int PAGES = 64;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final StepTables tables;
  private final RotationCuda rotation;
  private final SlotChunks chunks;

  /** Where in the tables the first page of each row in the scores is. */
  private int pageStarts;

  ScorePagesCuda(CudaKernelDevice device, ScorePagesSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    CudaFunction scores = device.function("attention/score_pages", "score_pages");
    scores.allowDynamicShared(sharedBytes(spec.heads()));
    kernel = scores;
    tables = new StepTables(device, "scorePages");
    rotation = new RotationCuda(device, spec.rope(), "scorePages");
    chunks = new SlotChunks(spec.heads(), PAGES * spec.pool().pageSize(), 0);
    super(device, spec, pool, 0);
  }

  /** Shared memory of a block: the queries of a group. */
  static int sharedBytes(Heads heads) {
    return Float.BYTES * heads.group() * heads.headDim();
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    chunks.divide(batch, tables);
    pageStarts = tables.next();
    long most = 0;
    for (int layer = 0; layer < batch.layers(); layer++) {
      most = Math.max(most, batch.usedPages(layer));
    }
    for (int row = 0; row < batch.rowOf(batch.layers(), 0, 0); row++) {
      tables.add(batch.usedPageStart(row));
    }
    tables.upload();
    rotation.update(batch.tokens(), tables.positions());
    long queries = (long) batch.requests() * heads().queryHeads() * heads().headDim();
    long bounds = 2L * spec().pool().headPages() * heads().headDim();
    device.reserve(
        CudaRun.staged(Float.BYTES * queries)
            + CudaRun.staged(Float.BYTES * bounds)
            + CudaRun.staged(Float.BYTES * most));
    workspaceIs(tables.bytes() + rotation.bytes());
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor q, Tensor bounds, Tensor scores) {
    try (CudaRun run = device.begin()) {
      final long query = run.input(q);
      final long extent = run.input(bounds);
      final long to = run.output(scores);
      KernelArguments arguments = run.arguments();
      arguments.add(heads().headDim());
      pages.addPagingTo(arguments);
      tables.addTo(arguments, layer);
      arguments
          .add(tables.address(chunks.first(layer)))
          .add(PAGES)
          .add(tables.address(pageStarts + batch.rowOf(layer, 0, 0)))
          .add(query)
          .add(spec().scale())
          .add(heads().kvHeads())
          .add(heads().group());
      rotation.addTo(arguments);
      arguments
          .add(spec().estimate() == Estimate.MIX ? 1 : 0)
          .add(spec().mix())
          .add(spec().reduction() == Reduction.SUM ? 1 : 0)
          .add(extent)
          .add(to);
      run.launch(
          kernel, LaunchGrid.of(chunks.count(layer), THREADS).withShared(sharedBytes(heads())));
      run.complete();
    }
  }

  @Override
  protected void release() {
    Resources.close(tables, rotation);
  }
}
