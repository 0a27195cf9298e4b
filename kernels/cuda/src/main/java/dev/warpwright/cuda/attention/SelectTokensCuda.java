package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;

/** Starts {@code select_tokens.cu}. */
final class SelectTokensCuda extends SelectTokens {
  private static final int THREADS = 512;

  /** Slots whose keys stay in shared memory, which every device has without being asked. */
  private static final int MOST_CACHED = 10_240;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final StepTables tables;
  private int cached;

  /** Where in the tables the positions behind the last tokens are. */
  private int nexts;

  SelectTokensCuda(CudaKernelDevice device, SelectTokensSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    kernel = device.function("attention/select_tokens", "select_tokens");
    tables = new StepTables(device, "selectTokens");
    super(device, spec, pool, 0);
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    nexts = tables.next();
    for (int request = 0; request < batch.requests(); request++) {
      tables.add(batch.nextPosition(request));
    }
    tables.addSlotStarts(batch);
    tables.upload();
    cached = Math.min(batch.maxLength(), MOST_CACHED);
    long budgets = (long) Integer.BYTES * batch.requests() * heads().kvHeads();
    device.reserve(
        2 * CudaRun.staged(Float.BYTES * StepTables.mostSlots(batch)) + CudaRun.staged(budgets));
    workspaceIs(tables.bytes());
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, Tensor budgets, Tensor kept) {
    try (CudaRun run = device.begin()) {
      final long from = run.input(scores);
      final long most = run.input(budgets);
      final long to = run.output(kept);
      KernelArguments arguments = run.arguments();
      arguments.add(pages.positions());
      pages.addPagingTo(arguments);
      tables.addTo(arguments, layer);
      arguments
          .add(tables.slotStarts(layer))
          .add(tables.address(nexts))
          .add(heads().kvHeads())
          .add(spec().protectedPrefix())
          .add(spec().recents())
          .add(from)
          .add(most)
          .add(to)
          .add(cached);
      run.guard(spec().kernel(), !budgets.isHost());
      int rows = batch.requests() * heads().kvHeads();
      run.launch(kernel, LaunchGrid.of(rows, THREADS).withShared(Integer.BYTES * cached));
      run.complete();
    }
  }

  @Override
  protected void release() {
    tables.close();
  }
}
