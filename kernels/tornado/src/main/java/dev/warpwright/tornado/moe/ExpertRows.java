package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.sparse.StoredWeights;
import dev.warpwright.tornado.sparse.WeightHeap;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Inputs and outputs of products with experts of a heap, and their kernel. */
final class ExpertRows {
  private final Program program;
  private final Program.Kernel kernel;
  private final IntArray sizes = Staged.ints(10);
  private final IntArray items;
  private final FloatArray x;
  private final FloatArray y;

  ExpertRows(WeightHeap heap, int slots, int inputs, int outputs) {
    program = heap.program();
    items = Staged.ints(2L * slots);
    x = Staged.floats(inputs);
    y = Staged.floats(outputs);
    KernelContext context = new KernelContext();
    Consumer<TaskGraph> task =
        switch (heap.arrays()) {
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
        program.add("expertMatmul", List.of(sizes, items, x), List.of(y), false, List.of(task));
  }

  /** Multiplies. */
  void run(
      PreparedExpertsTornado prepared,
      ExpertMatmulSpec spec,
      int slots,
      Tensor offsets,
      @Nullable Tensor order,
      Tensor from,
      Tensor to) {
    int experts = prepared.experts();
    int outputs = prepared.outputs();
    int padded = prepared.padded();
    fillItems(experts, spec.topK(), offsets, order);
    Staged.rows(from, x, padded);
    int activation =
        switch (spec.activation()) {
          case NONE -> 0;
          case SWIGLU -> ExpertMatmulTornado.SWIGLU;
          case GEGLU -> ExpertMatmulTornado.GEGLU;
        };
    WeightHeap.Block block = prepared.block();
    Grouping codes = prepared.grouping();
    if (codes == null) {
      Staged.in(sizes, slots, outputs, padded, experts * outputs, activation, block.start(0));
    } else {
      Staged.in(
          sizes,
          slots,
          outputs,
          padded,
          experts * outputs,
          activation,
          block.start(0),
          block.start(1),
          block.start(2),
          StoredWeights.Groups.words(codes),
          codes.bits());
    }
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

  private void fillItems(int experts, int topK, Tensor offsets, @Nullable Tensor order) {
    items.init(-1);
    for (int e = 0; e < experts; e++) {
      for (int slot = offsets.getInt(e); slot < offsets.getInt(e + 1); slot++) {
        int choice = order == null ? slot : order.getInt(slot);
        if (choice >= 0) {
          items.set(2 * slot, e);
          items.set(2 * slot + 1, topK == 0 ? slot : choice / topK);
        }
      }
    }
  }
}
