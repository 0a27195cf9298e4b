package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;

/** Starts {@code append_kv.cu}. */
final class AppendKvCuda extends AppendKv {
  private static final int THREADS = 128;

  /** Bytes that a thread writes of a key, unless they are codes. */
  private static final int WIDE = 16;

  /** Codes that a thread writes of a key. */
  private static final int CODES = 8;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final CudaFunction numbers;
  private final StepTables tables;
  private final RotationCuda rotation;

  /** Where in the tables (request, slots from the token's own to the row's end, position) begin. */
  private int tokens;

  AppendKvCuda(CudaKernelDevice device, AppendKvSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    kernel = device.function("attention/append_kv", Variants.of("append_kv", spec.pool()));
    numbers = device.function("attention/append_kv", "append_kv_numbers");
    tables = new StepTables(device, "appendKv");
    rotation = new RotationCuda(device, spec.rope(), "appendKv");
    super(device, spec, pool, 0);
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    tokens = tables.next();
    for (int request = 0; request < batch.requests(); request++) {
      int count = batch.newTokens(request);
      for (int i = 0; i < count; i++) {
        tables.add(request);
        tables.add(count - i);
        tables.add(batch.position(request, i));
      }
    }
    tables.upload();
    rotation.update(batch.tokens(), tables.positions());
    long elements = (long) batch.tokens() * heads().kvHeads() * heads().headDim();
    device.reserve(2 * CudaRun.staged(Float.BYTES * elements));
    workspaceIs(tables.bytes() + rotation.bytes());
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor k, Tensor v) {
    try (CudaRun run = device.begin()) {
      long keys = run.input(k);
      long values = run.input(v);
      long rows = (long) batch.tokens() * heads().kvHeads();
      KernelArguments arguments = run.arguments();
      pages.addTo(arguments);
      tables.addTo(arguments, layer);
      arguments.add(tables.address(tokens));
      rotation.addTo(arguments);
      arguments.add(keys).add(values).add(heads().kvHeads()).add(rows);
      if (pages.scales() != null) {
        arguments.add(pages.scaleAddress());
      }
      long threads = rows * threadsOfHead();
      run.launch(kernel, LaunchGrid.of(Math.toIntExact(Math.ceilDiv(threads, THREADS)), THREADS));
      for (int i = 0; i < pages.arrayCount(); i++) {
        if (pages.array(i) != pages.scales()) {
          reset(run, layer, pages.array(i), rows);
        }
      }
      run.complete();
    }
  }

  /** Lanes that agree on a scale are a power of two. */
  private long threadsOfHead() {
    int headDim = heads().headDim();
    if (pages.scales() == null) {
      return (long) headDim * spec().pool().dtype().bytes() / WIDE;
    }
    int lanes = headDim / CODES;
    return lanes == 1 ? 1 : 2L * Integer.highestOneBit(lanes - 1);
  }

  /** Gives the numbers beside the new slots their initial value. */
  private void reset(CudaRun run, int layer, SlotArray array, long rows) {
    KernelArguments arguments = run.arguments();
    arguments.add(CudaRun.address(array.tensor())).add(array.width()).add(array.initial());
    pages.addPagingTo(arguments);
    tables.addTo(arguments, layer);
    arguments.add(tables.address(tokens)).add(heads().kvHeads()).add(rows);
    run.launch(
        numbers,
        LaunchGrid.of(Math.toIntExact(Math.ceilDiv(rows * array.width(), THREADS)), THREADS));
  }

  @Override
  protected void release() {
    Resources.close(tables, rotation);
  }
}
