package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import org.jspecify.annotations.Nullable;

/** Starts {@code window_scores.cuh}. */
final class WindowScoresCuda extends WindowScores {
  private static final int THREADS = 128;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final int sharedBytes;
  private final StepTables tables;
  private final RotationCuda rotation;
  private final SlotChunks chunks;

  /** Where in the tables (first token, tokens, first of them among all) of the requests begin. */
  private int observers;

  /** Where in the tables the positions of the observing tokens begin. */
  private int positions;

  WindowScoresCuda(CudaKernelDevice device, WindowScoresSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    String variant = Variants.byDim("window_scores", spec.pool());
    CudaFunction scores = device.function("attention/" + variant, variant);
    scores.allowDynamicShared(sharedBytes(spec.pool()));
    kernel = scores;
    sharedBytes = sharedBytes(spec.pool());
    tables = new StepTables(device, "windowScores");
    rotation = new RotationCuda(device, spec.rope(), "windowScores");
    chunks = new SlotChunks(spec.heads(), slots(spec.pool()), 0);
    super(device, spec, pool, 0);
  }

  /** Slots of a block, as computed in {@code window_scores.cuh}. */
  private static int slots(KvPoolSpec pool) {
    return Variants.paddedDim(pool.headDim()) <= 128 ? 128 : 64;
  }

  /** Dynamic shared memory: queries and keys, as computed there. */
  private static int sharedBytes(KvPoolSpec pool) {
    int dim = Variants.paddedDim(pool.headDim());
    return TileShape.WARP_ROWS * (dim + 16) * Float.BYTES
        + slots(pool) * (dim * Variants.elementBytes(pool) + 32);
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    chunks.divide(batch, tables);
    observers = tables.next();
    int all = 0;
    for (int request = 0; request < batch.requests(); request++) {
      int rows = rows(batch, request);
      tables.add(batch.tokenStart(request) + batch.newTokens(request) - rows);
      tables.add(rows);
      tables.add(all);
      all += rows;
    }
    positions = tables.next();
    for (int request = 0; request < batch.requests(); request++) {
      int tokens = batch.newTokens(request);
      for (int token = tokens - rows(batch, request); token < tokens; token++) {
        tables.add(batch.position(request, token));
      }
    }
    tables.addSlotStarts(batch);
    tables.upload();
    rotation.update(all, tables.address(positions));
    long rows = (long) batch.tokens() * heads().queryHeads();
    device.reserve(
        CudaRun.staged(Float.BYTES * rows * heads().headDim())
            + CudaRun.staged(Float.BYTES * rows)
            + 4 * CudaRun.staged(Float.BYTES * StepTables.mostSlots(batch))
            + Maskings.staged(spec().masking(), heads()));
    workspaceIs(tables.bytes() + rotation.bytes());
  }

  @Override
  protected void execute(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor lse,
      WindowStatistics result) {
    try (CudaRun run = device.begin()) {
      final long query = run.input(q);
      final long logs = run.input(lse);
      final long slopes = Maskings.slopes(run, bias);
      final long[] results = {
        output(run, result.sum()),
        output(run, result.mean()),
        output(run, result.variance()),
        output(run, result.entropy())
      };
      KernelArguments arguments = run.arguments();
      pages.addTo(arguments);
      tables.addTo(arguments, layer);
      arguments
          .add(tables.address(chunks.first(layer)))
          .add(tables.address(observers))
          .add(query)
          .add(tables.address(positions))
          .add(spec().scale())
          .add(heads().kvHeads())
          .add(heads().group());
      rotation.addTo(arguments);
      Maskings.addTo(arguments, spec().masking());
      arguments
          .add(slopes)
          .add(Maskings.slots(bias))
          .add(logs)
          .add(tables.slotStarts(layer))
          .add(spec().reduction().factor(heads().group()));
      for (long address : results) {
        arguments.add(address);
      }
      pages.addScalesTo(arguments);
      run.launch(kernel, LaunchGrid.of(chunks.count(layer), THREADS).withShared(sharedBytes));
      run.complete();
    }
  }

  private static long output(CudaRun run, @Nullable Tensor result) {
    return result == null ? 0 : run.output(result);
  }

  @Override
  protected void release() {
    Resources.close(tables, rotation);
  }
}
