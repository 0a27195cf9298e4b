package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;

/**
 * Starts {@code compact_kv.cu}: for keys and values, for positions, and for every array of numbers
 * beside the slots.
 */
final class CompactKvCuda extends CompactKv {
  private static final int THREADS = 128;

  /** Bytes of keys and values that a thread moves at once, where they are a multiple of it. */
  private static final int WIDE = 16;

  /** Most bytes of the columns of a block: few, so that a row has several blocks. */
  private static final int COLUMNS = 64;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction wide;
  private final CudaFunction numbers;
  private final StepTables before;
  private final StepTables after;

  /** Where in the tables after the slots in shared pages of each row are. */
  private int shared;

  CompactKvCuda(CudaKernelDevice device, CompactKvSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    wide = device.function("attention/compact_kv", "compact_kv_wide");
    numbers = device.function("attention/compact_kv", "compact_kv_numbers");
    before = new StepTables(device, "compactKv");
    after = new StepTables(device, "compactKv");
    super(device, spec, pool, 0);
  }

  @Override
  protected void prepare(PageTables batch) {
    before.begin(batch);
    before.addSlotStarts(batch);
    before.upload();
    device.reserve(CudaRun.staged(Integer.BYTES * StepTables.mostSlots(batch)));
  }

  @Override
  protected void prepareTarget(PageTables to) {
    after.begin(to);
    shared = after.next();
    for (int row = 0; row < to.rowOf(to.layers(), 0, 0); row++) {
      after.add(sharedSlots(row));
    }
    after.upload();
    workspaceIs(before.bytes() + after.bytes());
  }

  @Override
  protected void execute(PageTables from, PageTables to, int layer, Tensor kept) {
    int bytes = spec().pool().headDim() * spec().pool().dtype().bytes();
    int word = bytes % WIDE == 0 ? WIDE : Integer.BYTES;
    CudaFunction vectors = word == WIDE ? wide : numbers;
    try (CudaRun run = device.begin()) {
      long slots = run.input(kept);
      boolean unseen = !kept.isHost();
      long keys = pages.keys();
      int columns = COLUMNS / word;
      move(run, vectors, keys, pages.values(), bytes / word, columns, to, layer, slots, unseen);
      long positions = pages.positions();
      move(run, numbers, positions, positions, 1, 1, to, layer, slots, unseen);
      for (int i = 0; i < pages.arrayCount(); i++) {
        SlotArray array = pages.array(i);
        long there = CudaRun.address(array.tensor());
        move(run, numbers, there, there, array.width(), array.width(), to, layer, slots, unseen);
      }
      run.complete();
    }
  }

  /** Moves {@code width} numbers or vectors a slot of one array or of two. */
  private void move(
      CudaRun run,
      CudaFunction kernel,
      long data,
      long other,
      int width,
      int mostColumns,
      PageTables to,
      int layer,
      long kept,
      boolean unseen) {
    KernelArguments arguments = run.arguments();
    arguments.add(data).add(other).add(width);
    pages.addPagingTo(arguments);
    before.addTo(arguments, layer);
    after.addTo(arguments, layer);
    arguments
        .add(before.slotStarts(layer))
        .add(after.address(shared + to.rowOf(layer, 0, 0)))
        .add(kept);
    run.guard(spec().kernel(), unseen);
    int columns = Math.min(width, mostColumns);
    run.launch(
        kernel,
        new LaunchGrid(
            to.requests() * to.kvHeads(),
            Math.ceilDiv(width, columns),
            data == other ? 1 : 2,
            columns,
            THREADS / columns,
            1,
            0));
  }

  @Override
  protected void release() {
    Resources.close(before, after);
  }
}
