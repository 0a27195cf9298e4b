package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import org.jspecify.annotations.Nullable;

/** Starts {@code score_accumulate.cu}. */
final class ScoreAccumulateCuda extends ScoreAccumulate {
  /** Slots of a block. */
  private static final int THREADS = 128;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final StepTables tables;
  private final SlotChunks chunks;

  /** Where in the tables the observations of each request are. */
  private int observations;

  ScoreAccumulateCuda(
      CudaKernelDevice device, ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    kernel =
        device.function(
            "attention/score_accumulate",
            spec.statistic() == Statistic.SUM
                ? "score_accumulate_sum"
                : "score_accumulate_moments");
    tables = new StepTables(device, "scoreAccumulate");
    chunks = new SlotChunks(spec.heads(), THREADS, 0);
    super(device, spec, pool, array, 0);
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    chunks.divide(batch, tables);
    observations = tables.next();
    for (int request = 0; request < batch.requests(); request++) {
      tables.add(Math.min(spec().window(), batch.newTokens(request)));
    }
    tables.addSlotStarts(batch);
    tables.upload();
    int inputs = spec().statistic() == Statistic.SUM ? 1 : 2;
    device.reserve(inputs * CudaRun.staged(Float.BYTES * StepTables.mostSlots(batch)));
    workspaceIs(tables.bytes());
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, @Nullable Tensor variances) {
    try (CudaRun run = device.begin()) {
      long from = run.input(scores);
      long spread = variances == null ? 0 : run.input(variances);
      KernelArguments arguments = run.arguments();
      arguments.add(CudaRun.address(array().tensor())).add(from);
      if (spec().statistic() == Statistic.MOMENTS) {
        arguments.add(spread);
      }
      arguments
          .add(spec().restart() ? 1 : 0)
          .add(tables.address(chunks.first(layer)))
          .add(tables.address(observations));
      pages.addPagingTo(arguments);
      tables.addTo(arguments, layer);
      arguments.add(tables.slotStarts(layer)).add(heads().kvHeads());
      run.launch(kernel, LaunchGrid.of(chunks.count(layer), THREADS));
      run.complete();
    }
  }

  @Override
  protected void release() {
    tables.close();
  }
}
