package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import dev.warpwright.tornado.sparse.StoredWeights;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Inputs and outputs of a product with up to some number of slots, and its kernel. */
final class ExpertRows implements Resource {
  private final Program program;
  private final Program.Kernel kernel;
  private final int experts;
  private final int inputs;
  private final int outputs;
  private final int padded;
  private final int words;
  private final int bits;
  private final IntArray sizes = Staged.ints(7);
  private final IntArray items;
  private final FloatArray x;
  private final FloatArray y;

  ExpertRows(
      TornadoKernelDevice device,
      StoredWeights weights,
      PreparedExpertsTornado prepared,
      int slots,
      int rows) {
    program = new Program(device);
    experts = prepared.experts();
    inputs = prepared.inputs();
    outputs = prepared.outputs();
    padded = weights.paddedColumns();
    Grouping grouping = grouping(prepared.format());
    words = grouping == null ? 0 : StoredWeights.Groups.words(grouping);
    bits = grouping == null ? 0 : grouping.bits();
    items = Staged.ints(2L * slots);
    x = Staged.floats((long) rows * padded);
    y = Staged.floats((long) slots * outputs);
    KernelContext context = new KernelContext();
    Consumer<TaskGraph> task =
        switch (weights) {
          case StoredWeights.Dense dense ->
              graph ->
                  graph.task(
                      Program.task(0),
                      ExpertMatmulTornado::denseExperts,
                      context,
                      sizes,
                      items,
                      dense.values(),
                      x,
                      y);
          case StoredWeights.Groups groups ->
              graph ->
                  graph.task(
                      Program.task(0),
                      ExpertMatmulTornado::groupExperts,
                      context,
                      sizes,
                      items,
                      groups.starts(),
                      groups.columns(),
                      groups.codes(),
                      groups.scales(),
                      groups.zeros(),
                      x,
                      y);
        };
    kernel =
        program.add(
            "expertMatmul", List.of(weights.arrays()), List.of(sizes, items, x), List.of(y), task);
  }

  private static @Nullable Grouping grouping(WeightFormat format) {
    return switch (format) {
      case WeightFormat.Dense dense -> null;
      case WeightFormat.Quant quant -> quant.grouping();
      case WeightFormat.GroupSparse sparse -> sparse.grouping();
    };
  }

  /** Multiplies; threads that share the experts take turns. */
  synchronized void run(
      ExpertMatmulSpec spec,
      int slots,
      Tensor offsets,
      @Nullable Tensor order,
      Tensor from,
      Tensor to) {
    items.init(-1);
    for (int e = 0; e < experts; e++) {
      for (int slot = offsets.getInt(e); slot < offsets.getInt(e + 1); slot++) {
        int choice = order == null ? slot : order.getInt(slot);
        if (choice >= 0) {
          items.set(2 * slot, e);
          items.set(2 * slot + 1, spec.topK() == 0 ? slot : choice / spec.topK());
        }
      }
    }
    for (long row = 0; row < from.size(0); row++) {
      MemorySegment.copy(
          from.segment(),
          row * inputs * Float.BYTES,
          x.getSegment(),
          row * padded * Float.BYTES,
          (long) inputs * Float.BYTES);
    }
    int activation =
        switch (spec.activation()) {
          case NONE -> 0;
          case SWIGLU -> ExpertMatmulTornado.SWIGLU;
          case GEGLU -> ExpertMatmulTornado.GEGLU;
        };
    Staged.in(sizes, slots, outputs, padded, experts * outputs, activation, words, bits);
    program.run(kernel, Staged.groups((long) slots * outputs));
    for (int slot = 0; slot < slots; slot++) {
      if (items.get(2 * slot) >= 0) {
        MemorySegment.copy(
            y.getSegment(),
            (long) slot * outputs * Float.BYTES,
            to.segment(),
            (long) slot * outputs * Float.BYTES,
            (long) outputs * Float.BYTES);
      }
    }
  }

  @Override
  public void close() {
    program.close();
  }
}
