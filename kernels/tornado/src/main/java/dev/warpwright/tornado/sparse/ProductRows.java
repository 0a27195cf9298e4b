package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Inputs and outputs of a product with up to some number of rows, and its kernel. */
final class ProductRows implements Resource {
  private final Program program;
  private final Program.Kernel kernel;
  private final int inputs;
  private final int outputs;
  private final int padded;
  private final @Nullable Grouping grouping;
  private final boolean rounded;
  private final IntArray sizes = Staged.ints(6);
  private final FloatArray x;
  private final FloatArray units;
  private final FloatArray y;

  ProductRows(
      TornadoKernelDevice device,
      StoredWeights weights,
      PreparedMatrix matrix,
      int rows,
      boolean rounded) {
    program = new Program(device);
    this.rounded = rounded;
    inputs = matrix.columns();
    outputs = matrix.rows();
    padded = weights.paddedColumns();
    grouping = grouping(matrix.format());
    x = Staged.floats((long) rows * padded);
    y = Staged.floats((long) rows * outputs);
    units = Staged.floats(rounded ? (long) rows * groups() : 1);
    KernelContext context = new KernelContext();
    Consumer<TaskGraph> task =
        switch (weights) {
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
        weights instanceof StoredWeights.Dense ? List.of(sizes, x) : List.of(sizes, x, units);
    kernel = program.add("product", List.of(weights.arrays()), in, List.of(y), task);
  }

  private static @Nullable Grouping grouping(WeightFormat format) {
    return switch (format) {
      case WeightFormat.Dense dense -> null;
      case WeightFormat.Quant quant -> quant.grouping();
      case WeightFormat.GroupSparse sparse -> sparse.grouping();
    };
  }

  private int groups() {
    return grouping == null ? 1 : padded / grouping.size();
  }

  /** Multiplies; threads that share the matrix take turns. */
  synchronized void run(int rows, Tensor from, Tensor to) {
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          from.segment(),
          (long) row * inputs * Float.BYTES,
          x.getSegment(),
          (long) row * padded * Float.BYTES,
          (long) inputs * Float.BYTES);
    }
    Grouping codes = grouping;
    if (codes == null) {
      Staged.in(sizes, rows, outputs, padded);
    } else {
      if (rounded) {
        round(rows, codes.size());
      }
      Staged.in(
          sizes,
          rows,
          outputs,
          padded,
          StoredWeights.Groups.words(codes),
          codes.bits(),
          rounded ? codes.size() : 0);
    }
    program.run(kernel, Staged.groups((long) rows * outputs));
    Staged.out(y, to);
  }

  /**
   * {@link dev.warpwright.kernels.sparse.Activations#I8}, on the host: a device need not divide
   * exactly. Sums of a group stay below 2^24, so that the kernel's F32 sums of codes are exact.
   */
  private void round(int rows, int size) {
    float[] group = new float[size];
    MemorySegment values = x.getSegment();
    for (int g = 0; g < rows * groups(); g++) {
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

  @Override
  public void close() {
    program.close();
  }
}
