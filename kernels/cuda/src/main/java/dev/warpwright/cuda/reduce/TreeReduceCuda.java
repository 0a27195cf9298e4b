package dev.warpwright.cuda.reduce;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Starts {@code tree_reduce.cu}: one launch over the rows, and one over the results of its chunks
 * for each power of 512 in the number of slots. Rows in host memory come to the device in slabs of
 * columns.
 */
final class TreeReduceCuda extends TreeReduce {
  static final String SOURCE = "reduce/tree_reduce";

  private static final int THREADS = 128;

  /** Slots that one thread can reduce; see LEVELS in the source. */
  private static final int MOST_CHUNK = 512;

  /** Smaller chunks would write more than a sixteenth of what they read. */
  private static final int LEAST_CHUNK = 64;

  /** Blocks for each multiprocessor, so that all have work until the end. */
  private static final int BLOCKS = 8;

  /** Bytes of host rows on the device at a time. */
  private static final long STAGED = 32 << 20;

  /** Columns of a slab are a multiple, so that its rows are aligned. */
  private static final int SLAB_UNIT = 64;

  private static final int WIDE = 16;

  private final CudaKernelDevice device;
  private final CudaFunction vector;
  private final CudaFunction scalar;
  private final CudaFunction chunksVector;
  private final CudaFunction chunksScalar;
  private final int chunk;
  private final long slab;
  private final long columnsApart;
  private final SlotTable table;

  /** The table, then the results of chunks. */
  private final DeviceBuffer workspace;

  private final long tableBytes;

  TreeReduceCuda(CudaKernelDevice device, TreeReduceSpec spec) {
    this.device = device;
    String name = "tree_reduce_" + spec.rows().name().toLowerCase(Locale.ROOT);
    vector = device.function(SOURCE, name);
    scalar = device.function(SOURCE, name + "_scalar");
    chunksVector = device.function(SOURCE, "tree_reduce_chunks");
    chunksScalar = device.function(SOURCE, "tree_reduce_chunks_scalar");
    int slots = spec.slots();
    long columns = spec.columns();
    int bytes = spec.rows().bytes();
    long slabColumns =
        Math.min(columns, Math.max(SLAB_UNIT, STAGED / bytes / slots / SLAB_UNIT * SLAB_UNIT));
    device.reserve(
        slots * CudaRun.staged(slabColumns * bytes) + CudaRun.staged(slabColumns * Float.BYTES));
    int first =
        chunk(slots, blocks(columns, WIDE / bytes), BLOCKS * device.limits().multiprocessors());
    long apart = Math.ceilDiv(columns, SLAB_UNIT) * SLAB_UNIT;
    table = new SlotTable(device, slots);
    long behindTable = Math.ceilDiv(SlotTable.bytes(slots), WIDE) * WIDE;
    tableBytes = behindTable;
    long bytesOfAll = behindTable + partialRows(slots, first) * apart * Float.BYTES;
    workspace = device.workspace(bytesOfAll, "a plan of treeReduce");
    super(device, spec, bytesOfAll);
    slab = slabColumns;
    chunk = first;
    columnsApart = apart;
  }

  private static long blocks(long columns, int width) {
    return Math.ceilDiv(columns, (long) THREADS * width);
  }

  /** As long as there are too few blocks, fewer slots a block. */
  private static int chunk(int slots, long blocks, int wanted) {
    int chunk = MOST_CHUNK;
    while (chunk > LEAST_CHUNK && blocks * Math.ceilDiv(slots, chunk) < wanted) {
      chunk /= 2;
    }
    return chunk;
  }

  /** Results of chunks, of all launches but the last. */
  private static long partialRows(int slots, int chunk) {
    long rows = 0;
    int size = chunk;
    for (int left = Math.ceilDiv(slots, size); left > 1; left = Math.ceilDiv(left, size)) {
      rows += left;
      size = MOST_CHUNK;
    }
    return rows;
  }

  @Override
  protected void execute(
      List<? extends @Nullable Tensor> rows, float[] weights, float factor, Tensor out) {
    boolean any = false;
    boolean staged = out.isHost();
    for (Tensor row : rows) {
      any |= row != null;
      staged |= row != null && row.isHost();
    }
    try (CudaRun run = device.begin()) {
      if (!any) {
        run.zero(out);
        return;
      }
      long step = staged ? slab : spec().columns();
      for (long from = 0; from < spec().columns(); from += step) {
        long to = Math.min(from + step, spec().columns());
        reduce(run, rows, weights, factor, from, to, out);
        run.complete();
      }
    }
  }

  private void reduce(
      CudaRun run,
      List<? extends @Nullable Tensor> rows,
      float[] weights,
      float factor,
      long from,
      long to,
      Tensor out) {
    long target = run.output(slab(out, from, to));
    long together = target;
    for (int slot = 0; slot < spec().slots(); slot++) {
      Tensor row = rows.get(slot);
      long address = row == null ? 0 : run.input(slab(row, from, to));
      table.set(slot, address, weights[slot]);
      together |= address;
    }
    boolean wide = together % WIDE == 0;
    long slotTable = workspace.address();
    table.write(run, slotTable);
    long columns = to - from;
    int slots = spec().slots();
    int left = Math.ceilDiv(slots, chunk);
    long part = slotTable + tableBytes;
    KernelArguments arguments = run.arguments();
    arguments.add(slotTable).add(table.weights(slotTable)).add(slots).add(chunk).add(columns);
    finish(arguments, left, factor, part, target);
    run.launch(
        wide ? vector : scalar, grid(columns, wide ? WIDE / spec().rows().bytes() : 1, left));
    boolean wideOut = target % WIDE == 0;
    while (left > 1) {
      int next = Math.ceilDiv(left, MOST_CHUNK);
      long behind = part + left * columnsApart * Float.BYTES;
      run.arguments().add(part).add(columnsApart).add(left).add(MOST_CHUNK).add(columns);
      finish(arguments, next, factor, behind, target);
      run.launch(
          wideOut ? chunksVector : chunksScalar,
          grid(columns, wideOut ? WIDE / Float.BYTES : 1, next));
      left = next;
      part = behind;
    }
  }

  /** Only the launch that makes the root applies the factor and writes the result. */
  private void finish(KernelArguments arguments, int left, float factor, long part, long target) {
    boolean last = left == 1;
    arguments.add(last ? factor : 1f).add(last ? target : part).add(last ? 0 : columnsApart);
  }

  private static Tensor slab(Tensor row, long from, long to) {
    return to - from == row.size(0) ? row : row.slice(from, to);
  }

  private static LaunchGrid grid(long columns, int width, int chunks) {
    return new LaunchGrid(Math.toIntExact(blocks(columns, width)), chunks, 1, THREADS, 1, 1, 0);
  }

  @Override
  protected void release() {
    workspace.close();
  }
}
