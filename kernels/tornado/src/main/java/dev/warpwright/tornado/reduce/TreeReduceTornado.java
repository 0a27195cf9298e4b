package dev.warpwright.tornado.reduce;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link TreeReduce} with one work item a column, which adds the slots in order with a binary
 * counter: the same tree. Rows come to the device as F32, in slabs of columns.
 */
public final class TreeReduceTornado extends TreeReduce {
  /** Elements of a slab, at most, unless one column has more. */
  private static final int SLAB = 1 << 22;

  /** One more than the levels above 2^24 slots. */
  private static final int LEVELS = 25;

  private final TornadoKernelDevice device;
  private final List<Object> key;
  private final Slab slab;

  private record Shape(int slots, int columns) {
    static Shape of(TreeReduceSpec spec) {
      long columns = Math.max(1, SLAB / spec.slots());
      return new Shape(spec.slots(), (int) Math.min(columns, spec.columns()));
    }

    long bytes() {
      return 4L * slots * (columns + 1) + 4L * columns;
    }
  }

  TreeReduceTornado(TornadoKernelDevice device, TreeReduceSpec spec) {
    Shape shape = Shape.of(spec);
    super(device, spec, shape.bytes());
    this.device = device;
    key = List.of(TreeReduceTornado.class, shape);
    slab = device.lease(key, () -> new Slab(device, shape.slots, shape.columns));
  }

  /**
   * Writes the root of each column's tree times a factor.
   *
   * @param sizes slots, columns, and elements from one slot to the next
   * @param weights weights by slot, then the factor
   */
  static void treeReduce(
      KernelContext context, IntArray sizes, FloatArray weights, FloatArray rows, FloatArray out) {
    int column = context.globalIdx;
    int slots = sizes.get(0);
    int columns = sizes.get(1);
    int stride = sizes.get(2);
    if (column < columns) {
      float[] waiting = new float[LEVELS];
      for (int slot = 0; slot < slots; slot++) {
        float node = weights.get(slot) * rows.get(slot * stride + column);
        int level = 0;
        int bits = slot;
        while ((bits & 1) == 1) {
          node = waiting[level] + node;
          level = level + 1;
          bits = bits >> 1;
        }
        waiting[level] = node;
      }
      // What waits belongs to the bits of the number of slots; the lowest was added last.
      int level = 0;
      int bits = slots;
      while ((bits & 1) == 0) {
        level = level + 1;
        bits = bits >> 1;
      }
      float root = waiting[level];
      level = level + 1;
      bits = bits >> 1;
      while (bits != 0) {
        if ((bits & 1) == 1) {
          root = waiting[level] + root;
        }
        level = level + 1;
        bits = bits >> 1;
      }
      out.set(column, root * weights.get(slots));
    }
  }

  /** Rows of some columns on the device, and the kernel. */
  public static final class Slab implements Resource {
    private final int columns;
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray sizes = Staged.ints(3);
    private final FloatArray weights;
    private final FloatArray rows;
    private final FloatArray out;

    /** Room for {@code columns} columns of {@code slots} slots. */
    public Slab(TornadoKernelDevice device, int slots, int columns) {
      this.columns = columns;
      weights = Staged.floats(slots + 1L);
      rows = Staged.floats((long) slots * columns);
      out = Staged.floats(columns);
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "treeReduce",
              List.of(sizes, weights, rows),
              List.of(out),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          TreeReduceTornado::treeReduce,
                          context,
                          sizes,
                          weights,
                          rows,
                          out)));
    }

    /** Reduces {@code count} columns from {@code from} on. */
    public void reduce(
        List<? extends @Nullable Tensor> tensors,
        float[] factors,
        float factor,
        long from,
        int count,
        Tensor target) {
      int slots = tensors.size();
      for (int slot = 0; slot < slots; slot++) {
        Tensor row = tensors.get(slot);
        if (row != null) {
          Staged.floats(row, from, count, rows, slot * columns);
        } else {
          // x + (−0) is x for every x, so −0 passes a missing slot's sibling through.
          for (int i = 0; i < count; i++) {
            rows.set(slot * columns + i, -0f);
          }
        }
        weights.set(slot, row == null ? 1 : factors[slot]);
      }
      weights.set(slots, factor);
      Staged.in(sizes, slots, count, columns);
      program.run(kernel, Staged.groups(count));
      Staged.out(out, target);
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void execute(
      List<? extends @Nullable Tensor> rows, float[] weights, float factor, Tensor out) {
    if (rows.stream().noneMatch(row -> row != null)) {
      out.segment().fill((byte) 0);
      return;
    }
    for (long from = 0; from < spec().columns(); from += slab.columns) {
      int count = (int) Math.min(slab.columns, spec().columns() - from);
      slab.reduce(rows, weights, factor, from, count, out.slice(from, from + count));
    }
  }

  @Override
  protected void release() {
    device.giveBack(key, slab);
  }
}
