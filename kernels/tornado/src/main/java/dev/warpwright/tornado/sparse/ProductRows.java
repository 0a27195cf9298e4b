package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Consumer;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Inputs and outputs of products with matrices of a heap, and their kernel. */
final class ProductRows {
  private static final int LEAST_GROUP = 8;

  private final Program program;
  private final Program.Kernel kernel;
  private final IntArray sizes = Staged.ints(9);
  private final FloatArray x;
  private final FloatArray units;
  private final FloatArray y;

  ProductRows(WeightHeap heap, int inputs, int outputs) {
    program = heap.program();
    x = Staged.floats(inputs);
    y = Staged.floats(outputs);
    units = Staged.floats(inputs / LEAST_GROUP);
    KernelContext context = new KernelContext();
    Consumer<TaskGraph> task =
        switch (heap.arrays()) {
          case StoredWeights.Dense dense ->
              graph ->
                  graph.task(
                      Program.task(0),
                      MatrixProductTornado::denseProduct,
                      context,
                      sizes,
                      dense.values(),
                      x,
                      y);
          case StoredWeights.Groups groups ->
              graph ->
                  graph.task(
                      Program.task(0),
                      MatrixProductTornado::groupProduct,
                      context,
                      sizes,
                      groups.starts(),
                      groups.columns(),
                      groups.codes(),
                      groups.scales(),
                      groups.zeros(),
                      x,
                      units,
                      y);
        };
    List<Object> in =
        heap.arrays() instanceof StoredWeights.Dense ? List.of(sizes, x) : List.of(sizes, x, units);
    kernel = program.add("product", in, List.of(y), false, List.of(task));
  }

  /** Multiplies. */
  void run(MatrixTornado matrix, int rows, boolean rounded, Tensor from, Tensor to) {
    int padded = matrix.padded();
    Staged.rows(from, x, padded);
    WeightHeap.Block block = matrix.block();
    Grouping codes = matrix.grouping();
    if (codes == null) {
      Staged.in(sizes, rows, matrix.rows(), padded, block.start(0));
    } else {
      if (rounded) {
        round(rows * (padded / codes.size()), codes.size());
      }
      Staged.in(
          sizes,
          rows,
          matrix.rows(),
          padded,
          StoredWeights.Groups.words(codes),
          codes.bits(),
          rounded ? codes.size() : 0,
          block.start(0),
          block.start(1),
          block.start(2));
    }
    program.run(kernel, Staged.groups((long) rows * matrix.rows()));
    Staged.out(y, to);
  }

  /**
   * {@link dev.warpwright.kernels.sparse.Activations#I8}, on the host: a device need not divide
   * exactly. Sums of a group stay below 2^24, so that the kernel's F32 sums of codes are exact.
   */
  private void round(int groups, int size) {
    float[] group = new float[size];
    MemorySegment values = x.getSegment();
    for (int g = 0; g < groups; g++) {
      long at = (long) g * size * Float.BYTES;
      MemorySegment.copy(values, ValueLayout.JAVA_FLOAT_UNALIGNED, at, group, 0, size);
      float most = 0;
      for (float value : group) {
        most = Math.max(most, Math.abs(value));
      }
      float unit = most / 127;
      boolean finite = Float.isFinite(most);
      units.set(g, finite ? unit : Float.NaN);
      for (int u = 0; u < size; u++) {
        group[u] =
            finite && unit != 0 ? (float) Math.clamp(Math.rint(group[u] / unit), -127, 127) : 0;
      }
      MemorySegment.copy(group, 0, values, ValueLayout.JAVA_FLOAT_UNALIGNED, at, size);
    }
  }
}
