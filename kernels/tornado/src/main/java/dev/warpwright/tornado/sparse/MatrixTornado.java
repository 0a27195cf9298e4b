package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.TornadoKernelDevice;
import org.jspecify.annotations.Nullable;

/** A matrix in a {@link WeightHeap}. */
final class MatrixTornado extends PreparedMatrix {
  private final WeightHeap heap;
  private final WeightHeap.Block block;
  private final @Nullable Grouping grouping;
  private final int padded;

  MatrixTornado(TornadoKernelDevice device, WeightMatrix matrix) {
    StoredWeights stored = StoredWeights.of(matrix);
    super(device, matrix, stored.bytes());
    block = device.sparse().add(stored);
    heap = block.heap();
    grouping = StoredWeights.grouping(matrix.format());
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

  /** Multiplies; {@code rounded} says whether inputs are rounded to 8 bits. */
  void multiply(int count, boolean rounded, Tensor x, Tensor y) {
    synchronized (heap) {
      heap.kernel(
              block,
              ProductRows.class,
              sizes -> new ProductRows(heap, sizes[0], sizes[1]),
              (long) count * padded,
              (long) count * rows())
          .run(this, count, rounded, x, y);
    }
  }

  @Override
  protected void release() {
    heap.remove(block);
  }
}
