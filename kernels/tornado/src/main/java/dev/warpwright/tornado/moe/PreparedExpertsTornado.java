package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.TornadoKernelDevice;
import dev.warpwright.tornado.sparse.StoredWeights;
import dev.warpwright.tornado.sparse.WeightHeap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The matrices of all experts, first the gates and then the ups, in a {@link WeightHeap}. */
final class PreparedExpertsTornado extends PreparedExperts {
  private final WeightHeap heap;
  private final WeightHeap.Block block;
  private final @Nullable Grouping grouping;
  private final int padded;

  PreparedExpertsTornado(TornadoKernelDevice device, ExpertWeights experts) {
    List<WeightMatrix> all = new ArrayList<>(experts.gate());
    all.addAll(experts.up());
    StoredWeights stored = StoredWeights.of(all);
    super(device, experts, stored.bytes());
    block = device.sparse().add(stored);
    heap = block.heap();
    grouping = StoredWeights.grouping(experts.format());
    padded = stored.paddedColumns();
  }

  WeightHeap.Block block() {
    return block;
  }

  /** Size, bits and words of groups; null where weights are F32. */
  @Nullable Grouping grouping() {
    return grouping;
  }

  /** Elements of a row of inputs with its padding. */
  int padded() {
    return padded;
  }

  /** Multiplies. */
  void multiply(
      ExpertMatmulSpec spec,
      int slots,
      Tensor offsets,
      @Nullable Tensor order,
      Tensor x,
      Tensor y) {
    synchronized (heap) {
      heap.kernel(
              block,
              ExpertRows.class,
              sizes -> new ExpertRows(heap, sizes[0], sizes[1], sizes[2]),
              slots,
              x.size(0) * padded,
              (long) slots * outputs())
          .run(this, spec, slots, offsets, order, x, y);
    }
  }

  @Override
  protected void release() {
    heap.remove(block);
  }
}
