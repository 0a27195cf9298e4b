package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@link TreeReduce} by blocks of columns. Eight aligned slots at a time are added in registers,
 * which reads eight rows at once; their sums go into a binary counter of blocks in the cache.
 */
final class TreeReduceVector extends TreeReduce implements WorkerPool.ChunkTask {
  private final WorkerPool pool;
  private final Arena arena = Arena.ofShared();
  private final ColumnBlocks blocks;
  private final RowSet rows;
  private final Worker[] workers;
  private float factor;
  private MemorySegment out = MemorySegment.NULL;

  TreeReduceVector(HostDevice device, TreeReduceSpec spec) {
    super(device, spec, workspace(device.pool().threads(), spec));
    pool = device.pool();
    blocks = ColumnBlocks.of(spec.columns(), pool.threads());
    rows = new RowSet(spec.rows(), spec.slots(), blocks.columns(), arena);
    workers = new Worker[pool.threads()];
    Arrays.setAll(workers, i -> new Worker());
  }

  private static int groups(TreeReduceSpec spec) {
    return (spec.slots() + VectorColumns.LEAVES - 1) / VectorColumns.LEAVES;
  }

  /** Length of a binary counter up to {@code groups}. */
  private static int digits(int groups) {
    return 32 - Integer.numberOfLeadingZeros(groups);
  }

  private static long workspace(int threads, TreeReduceSpec spec) {
    long block = ColumnBlocks.of(spec.columns(), threads).bytes();
    return block * threads * (VectorColumns.LEAVES + 1 + digits(groups(spec)));
  }

  @Override
  protected void execute(
      List<? extends @Nullable Tensor> rows, float[] weights, float factor, Tensor out) {
    boolean any = false;
    for (int slot = 0; slot < spec().slots(); slot++) {
      Tensor row = rows.get(slot);
      if (row != null) {
        this.rows.set(slot, row, weights[slot]);
        any = true;
      }
    }
    if (!any) {
      out.segment().fill((byte) 0);
      return;
    }
    this.factor = factor;
    this.out = out.segment();
    try {
      pool.run(blocks.count(), this);
    } finally {
      this.rows.clear();
      this.out = MemorySegment.NULL;
    }
  }

  @Override
  public void run(int block, int worker) {
    workers[worker].reduce(blocks.from(block), blocks.length(block));
  }

  @Override
  protected void release() {
    arena.close();
  }

  /** What one thread computes a block of columns with. */
  private final class Worker {
    private final RowGroup group =
        new RowGroup(rows, new RowStage(spec().rows(), blocks.columns()), blocks.columns());
    private final MemorySegment node = arena.allocate(blocks.bytes(), 64);

    /** Sums of 1, 2, 4 … groups that wait for their right sibling. */
    private final MemorySegment[] counter = new MemorySegment[digits(groups(spec()))];

    /** By number of digits that are carried. */
    private final Carry[] carries;

    Worker() {
      Arrays.setAll(counter, i -> arena.allocate(blocks.bytes(), 64));
      carries = new Carry[Math.min(counter.length, 3)];
      Arrays.setAll(carries, digits -> Carry.of(digits, counter, rows.missing()));
    }

    void reduce(long column, int count) {
      long bytes = 4L * ColumnBlocks.padded(count);
      int groups = groups(spec());
      for (int g = 0; g < groups; g++) {
        int digits = Integer.numberOfTrailingZeros(~g);
        Carry carry = carries[Math.min(digits, 2)];
        MemorySegment to = digits <= 2 ? counter[digits] : node;
        group.reduce(g * VectorColumns.LEAVES, column, count, carry, to);
        for (int level = 2; level < digits; level++) {
          to = level + 1 == digits ? counter[digits] : node;
          VectorColumns.add(counter[level], node, to, 0, bytes);
        }
      }
      VectorColumns.scale(fold(groups, bytes), 0, factor, node, 0, bytes);
      MemorySegment.copy(node, 0, out, 4 * column, 4L * count);
    }

    /** The sum of what is left in the counter, from right to left. */
    private MemorySegment fold(int groups, long bytes) {
      int level = Integer.numberOfTrailingZeros(groups);
      MemorySegment root = counter[level];
      for (level++; level < counter.length; level++) {
        if ((groups >> level & 1) == 1) {
          VectorColumns.add(counter[level], root, node, 0, bytes);
          root = node;
        }
      }
      return root;
    }
  }
}
