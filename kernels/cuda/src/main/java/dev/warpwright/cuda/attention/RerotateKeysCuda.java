package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;

/** Starts {@code rerotate_keys.cu}. */
final class RerotateKeysCuda extends RerotateKeys {
  private static final int THREADS = 128;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final RotationCuda rotation;
  private final StepTables tables;
  private final SlotChunks chunks;

  RerotateKeysCuda(CudaKernelDevice device, RerotateKeysSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    kernel = device.function("attention/rerotate_keys", Variants.of("rerotate_keys", spec.pool()));
    rotation = new RotationCuda(device, spec.rope(), "rerotateKeys");
    tables = new StepTables(device, "rerotateKeys");
    chunks = new SlotChunks(spec.heads(), spec.pool().pageSize(), 0);
    super(device, spec, pool, 0);
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    chunks.divide(batch, tables);
    tables.addSlotStarts(batch);
    tables.upload();
    rotation.prepare();
    device.reserve(CudaRun.staged(Integer.BYTES * StepTables.mostSlots(batch)));
    workspaceIs(tables.bytes() + rotation.bytes());
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor positions) {
    try (CudaRun run = device.begin()) {
      long wanted = run.input(positions);
      KernelArguments arguments = run.arguments();
      pages.addTo(arguments);
      arguments.add(pages.scaleAddress());
      tables.addTo(arguments, layer);
      arguments.add(tables.address(chunks.first(layer)));
      rotation.addFrequenciesTo(arguments);
      arguments.add(tables.slotStarts(layer)).add(wanted);
      run.guard(spec().kernel(), !positions.isHost());
      run.launch(kernel, LaunchGrid.of(chunks.count(layer), THREADS));
      run.complete();
    }
  }

  @Override
  protected void release() {
    Resources.close(tables, rotation);
  }
}
