package dev.warpwright.tornado.reduce;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeNodeStream;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** A stream whose nodes lie in native memory of the host; a kernel adds some of them to a row. */
final class TreeReduceStreamTornado extends TreeNodeStream<FloatArray> {
  /** Nodes that a run adds. */
  private static final int TERMS = 4;

  /** Columns of a run. */
  private static final int COLUMNS = 1 << 20;

  private final TornadoKernelDevice device;
  private final int columns;
  private final List<Object> key;
  private final Sum sum;

  TreeReduceStreamTornado(TornadoKernelDevice device, TreeReduceSpec spec) {
    super(device, spec, Float.BYTES * spec.columns());
    this.device = device;
    columns = Math.toIntExact(spec.columns());
    int most = Math.min(columns, COLUMNS);
    key = List.of(TreeReduceStreamTornado.class, most);
    sum = device.lease(key, () -> new Sum(device, most));
  }

  /**
   * {@code out = weight · row + terms[0] + terms[1] + …}.
   *
   * @param sizes columns, terms, and elements from one term to the next
   */
  static void treeReduceStep(
      KernelContext context,
      IntArray sizes,
      FloatArray weight,
      FloatArray row,
      FloatArray terms,
      FloatArray out) {
    int column = context.globalIdx;
    if (column < sizes.get(0)) {
      float node = weight.get(0) * row.get(column);
      for (int term = 0; term < sizes.get(1); term++) {
        node = terms.get(term * sizes.get(2) + column) + node;
      }
      out.set(column, node);
    }
  }

  private static final class Sum implements Resource {
    private final int most;
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray sizes = Staged.ints(3);
    private final FloatArray weight = Staged.floats(1);
    private final FloatArray row;
    private final FloatArray terms;
    private final FloatArray out;

    Sum(TornadoKernelDevice device, int most) {
      this.most = most;
      row = Staged.floats(most);
      terms = Staged.floats((long) TERMS * most);
      out = Staged.floats(most);
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "treeReduceStream",
              List.of(sizes, weight, row, terms),
              List.of(out),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          TreeReduceStreamTornado::treeReduceStep,
                          context,
                          sizes,
                          weight,
                          row,
                          terms,
                          out)));
    }

    /** Adds up to {@link #TERMS} nodes. */
    void add(Tensor tensor, float factor, List<FloatArray> nodes, Tensor target) {
      long columns = target.elements();
      weight.set(0, factor);
      for (long from = 0; from < columns; from += most) {
        int count = (int) Math.min(most, columns - from);
        Staged.floats(tensor, from, count, row, 0);
        for (int term = 0; term < nodes.size(); term++) {
          Staged.floats(tensor(nodes.get(term)), from, count, terms, term * most);
        }
        Staged.in(sizes, count, nodes.size(), most);
        program.run(kernel, Staged.groups(count));
        Staged.out(out, target.slice(from, from + count));
      }
    }

    @Override
    public void close() {
      program.close();
    }
  }

  private static Tensor tensor(FloatArray node) {
    return Tensor.wrap(node.getSegment(), dev.warpwright.kernels.DType.F32, node.getSize());
  }

  @Override
  protected FloatArray allocate() {
    return new FloatArray(columns);
  }

  @Override
  protected void accumulate(Tensor row, float weight, List<FloatArray> terms, FloatArray to) {
    int added = Math.min(TERMS, terms.size());
    sum.add(row, weight, terms.subList(0, added), tensor(to));
    while (added < terms.size()) {
      int end = Math.min(added + TERMS, terms.size());
      sum.add(tensor(to), 1, terms.subList(added, end), tensor(to));
      added = end;
    }
  }

  @Override
  protected void accumulate(FloatArray from, FloatArray to) {
    sum.add(tensor(to), 1, List.of(from), tensor(to));
  }

  @Override
  protected void finish(@Nullable FloatArray root, float factor, Tensor out) {
    if (root == null) {
      out.segment().fill((byte) 0);
    } else {
      sum.add(tensor(root), factor, List.of(), out);
    }
  }

  @Override
  protected void release() {
    device.giveBack(key, sum);
  }
}
