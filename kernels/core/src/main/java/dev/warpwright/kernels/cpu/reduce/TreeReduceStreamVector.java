package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * {@link dev.warpwright.kernels.reduce.TreeReduceStream} by blocks of columns: a row's leaf meets
 * all its siblings while it is in the cache.
 */
final class TreeReduceStreamVector extends HostTreeReduceStream {
  private final WorkerPool pool;
  private final ColumnBlocks blocks;
  private final RowSet rows;
  private final RowStage[] stages;
  private final float[][] staged;

  private final WorkerPool.ChunkTask leaf = this::leaf;
  private final WorkerPool.ChunkTask join = this::join;
  private final WorkerPool.ChunkTask scale = this::scale;

  /** Operands of the call that is running. */
  private MemorySegment from = MemorySegment.NULL;

  private MemorySegment to = MemorySegment.NULL;
  private List<MemorySegment> terms = List.of();
  private float factor;

  TreeReduceStreamVector(HostDevice device, TreeReduceSpec spec) {
    super(device, spec, 4 * (spec.columns() + VectorColumns.STEP));
    pool = device.pool();
    blocks = ColumnBlocks.of(spec.columns(), pool.threads());
    rows = new RowSet(spec.rows(), 1, blocks.columns(), arena());
    stages = new RowStage[pool.threads()];
    Arrays.setAll(stages, i -> new RowStage(spec.rows(), blocks.columns()));
    staged = new float[pool.threads()][blocks.columns()];
  }

  @Override
  protected void accumulate(Tensor row, float weight, List<MemorySegment> terms, MemorySegment to) {
    this.terms = terms;
    rows.set(0, row, weight);
    try {
      run(leaf, MemorySegment.NULL, weight, to);
    } finally {
      rows.clear();
    }
  }

  @Override
  protected void accumulate(MemorySegment from, MemorySegment to) {
    run(join, from, 1, to);
  }

  @Override
  void scale(MemorySegment root, float factor, Tensor out) {
    run(scale, root, factor, out.segment());
  }

  private void run(WorkerPool.ChunkTask task, MemorySegment from, float factor, MemorySegment to) {
    this.from = from;
    this.factor = factor;
    this.to = to;
    try {
      pool.run(blocks.count(), task);
    } finally {
      // The caller's memory is not held on to.
      this.from = MemorySegment.NULL;
      this.to = MemorySegment.NULL;
    }
  }

  private void leaf(int block, int worker) {
    long column = blocks.from(block);
    int columns = blocks.length(block);
    int padded = ColumnBlocks.padded(columns);
    float[] array = rows.array(0);
    if (padded == columns && rows.isDirect(0)) {
      VectorColumns.scale(rows.segment(0), 4 * column, factor, to, 4 * column, 4L * padded);
    } else if (padded == columns && array != null) {
      HeapColumns.scale(array, rows.index(0, column), factor, to, 4 * column, padded);
    } else {
      stages[worker].load(rows.segment(0), column, columns, staged[worker]);
      HeapColumns.scale(staged[worker], 0, factor, to, 4 * column, padded);
    }
    for (int i = 0; i < terms.size(); i++) {
      VectorColumns.add(terms.get(i), to, to, 4 * column, 4L * padded);
    }
  }

  private void join(int block, int worker) {
    long column = blocks.from(block);
    VectorColumns.add(to, from, to, 4 * column, 4L * ColumnBlocks.padded(blocks.length(block)));
  }

  private void scale(int block, int worker) {
    long column = blocks.from(block);
    int columns = blocks.length(block);
    int padded = ColumnBlocks.padded(columns);
    // The root is not needed any more: scaled where it is, and copied to memory of any kind.
    VectorColumns.scale(from, 4 * column, factor, from, 4 * column, 4L * padded);
    MemorySegment.copy(from, 4 * column, to, 4 * column, 4L * columns);
  }
}
