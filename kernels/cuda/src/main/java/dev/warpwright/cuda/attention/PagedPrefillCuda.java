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
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import org.jspecify.annotations.Nullable;

/** Starts {@code paged_prefill.cuh}. */
final class PagedPrefillCuda extends PagedPrefill {
  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final TileShape shape;
  private final CudaFunction kernel;
  private final StepTables tables;
  private final RotationCuda rotation;

  /** Numbers of an item of {@code paged_prefill.cuh}. */
  static final int ITEM = 6;

  private int firstItem;
  private int items;

  PagedPrefillCuda(CudaKernelDevice device, PagedPrefillSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    shape = TileShape.of(spec.pool(), false);
    kernel = kernel(device, spec.pool());
    tables = new StepTables(device, "pagedPrefill");
    rotation = new RotationCuda(device, spec.rope(), "pagedPrefill");
    super(device, spec, pool, 0);
  }

  /** The kernel for a pool, ready to be launched. */
  static CudaFunction kernel(CudaKernelDevice device, KvPoolSpec pool) {
    String variant = Variants.byDim("paged_prefill", pool);
    CudaFunction kernel = device.function("attention/" + variant, variant);
    kernel.allowDynamicShared(TileShape.of(pool, false).sharedBytes());
    return kernel;
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    firstItem = tables.next();
    for (int request = 0; request < batch.requests(); request++) {
      int rows = Math.multiplyExact(batch.newTokens(request), heads().group());
      for (int head = 0; head < heads().kvHeads(); head++) {
        for (int row = 0; row < rows; row += shape.rows()) {
          tables.add(request * heads().kvHeads() + head);
          tables.add(row);
          tables.add(batch.tokenStart(request));
          tables.add(batch.newTokens(request));
          tables.add(0);
          tables.add(0);
        }
      }
    }
    items = (tables.next() - firstItem) / ITEM;
    tables.upload();
    rotation.update(batch.tokens(), tables.positions());
    long rows = (long) batch.tokens() * heads().queryHeads();
    device.reserve(
        2 * CudaRun.staged(Float.BYTES * rows * heads().headDim())
            + CudaRun.staged(Float.BYTES * rows)
            + Maskings.staged(spec().masking(), heads()));
    workspaceIs(tables.bytes() + rotation.bytes());
  }

  @Override
  protected void execute(
      PageTables batch, int layer, Tensor q, AttentionBias bias, Tensor out, @Nullable Tensor lse) {
    try (CudaRun run = device.begin()) {
      final long query = run.input(q);
      final long to = run.output(out);
      final long logs = lse == null ? 0 : run.output(lse);
      final long slopes = Maskings.slopes(run, bias);
      final long sinks = Maskings.sinks(run, bias);
      KernelArguments arguments = run.arguments();
      pages.addTo(arguments);
      tables.addTo(arguments, layer);
      arguments
          .add(tables.address(firstItem))
          .add(Integer.MAX_VALUE)
          .add(query)
          .add(tables.positions())
          .add(spec().scale())
          .add(heads().kvHeads())
          .add(heads().group());
      rotation.addTo(arguments);
      Maskings.addTo(arguments, spec().masking());
      arguments.add(slopes).add(sinks).add(Maskings.slots(bias)).add(to).add(logs);
      arguments.add(0L).add(0L).add(0L).add(0L); // no states, and no logits are kept
      pages.addScalesTo(arguments);
      run.launch(kernel, LaunchGrid.of(items, shape.threads()).withShared(shape.sharedBytes()));
      run.complete();
    }
  }

  @Override
  protected void release() {
    Resources.close(tables, rotation);
  }
}
