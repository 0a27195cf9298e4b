package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;

/** Starts {@code merge_similar_kv.cu}: first what belongs together, then the merging. */
final class MergeSimilarKvCuda extends MergeSimilarKv {
  private static final String HOLDER = "mergeSimilarKv";

  /** Threads of a block, and slots of its chunk. */
  private static final int THREADS = 128;

  private static final int WARPS = THREADS / 32;

  /** Keys of a set that a warp keeps in shared memory. */
  private static final int CACHED = 8;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction find;
  private final CudaFunction merge;
  private final StepTables tables;
  private final SlotChunks chunks;

  /** A bit a slot: whether it belongs to the one before. */
  private final GrowingBuffer links;

  /** Where in the tables the positions behind the last tokens are. */
  private int nexts;

  MergeSimilarKvCuda(
      CudaKernelDevice device, MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    find = function("merge_similar_kv_links", device, spec);
    merge = function("merge_similar_kv", device, spec);
    tables = new StepTables(device, HOLDER);
    links = new GrowingBuffer(device, HOLDER);
    chunks = new SlotChunks(spec.heads(), THREADS, 1);
    super(device, spec, pool, logCounts, 0);
  }

  private static CudaFunction function(
      String name, CudaKernelDevice device, MergeSimilarKvSpec spec) {
    return device.function("attention/merge_similar_kv", Variants.of(name, spec.pool()));
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    chunks.divide(batch, tables);
    nexts = tables.next();
    for (int request = 0; request < batch.requests(); request++) {
      tables.add(batch.nextPosition(request));
    }
    tables.addSlotStarts(batch);
    tables.upload();
    int most = 0;
    for (int layer = 0; layer < batch.layers(); layer++) {
      most = Math.max(most, chunks.count(layer));
    }
    links.reserve((long) Integer.BYTES * WARPS * most);
    long lengths = (long) Integer.BYTES * batch.requests() * heads().kvHeads();
    device.reserve(
        2 * CudaRun.staged(Float.BYTES * StepTables.mostSlots(batch)) + CudaRun.staged(lengths));
    workspaceIs(tables.bytes() + links.bytes());
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, Tensor kept, Tensor lengths) {
    int blocks = chunks.count(layer);
    try (CudaRun run = device.begin()) {
      final long from = run.input(scores);
      final long to = run.output(kept);
      final long newLengths = run.output(lengths);
      addPoolTo(run.arguments(), layer)
          .add(tables.address(nexts))
          .add(heads().kvHeads())
          .add(spec().protectedPrefix())
          .add(spec().recents())
          .add(spec().threshold())
          .add(links.address());
      run.launch(find, LaunchGrid.of(blocks, THREADS));
      addPoolTo(run.arguments(), layer)
          .add(links.address())
          .add(tables.slotStarts(layer))
          .add(from)
          .add(CudaRun.address(logCounts().tensor()))
          .add(to)
          .add(newLengths);
      int cache = WARPS * CACHED * Float.BYTES * heads().headDim();
      run.launch(merge, LaunchGrid.of(blocks, THREADS).withShared(cache));
      run.complete();
    }
  }

  /** Adds the pool, the tables of a layer, and its chunks. */
  private KernelArguments addPoolTo(KernelArguments arguments, int layer) {
    pages.addTo(arguments);
    arguments.add(pages.scaleAddress());
    tables.addTo(arguments, layer);
    return arguments.add(tables.address(chunks.first(layer)));
  }

  @Override
  protected void release() {
    Resources.close(tables, links);
  }
}
