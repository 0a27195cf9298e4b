package dev.warpwright.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.HostTensor;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * Host memory for keys, values and positions of some pages, in a pool's canonical form.
 *
 * <p>Pages are copied one by one. A {@link dev.warpwright.kernels.attention.PageTransfer} would
 * bring many with one launch, but its plan holds device memory to stage them in; sequences move and
 * wait because such memory is short, and copies of the pool need none.
 */
final class HostPages implements Resource {
  private final List<HostTensor> memory = new ArrayList<>();
  private final Tensor keys;
  private final Tensor values;
  private final Tensor positions;

  /** Room for {@code count} pages. */
  HostPages(KvPoolSpec spec, int count) {
    try {
      keys = allocate(spec.dtype(), count, spec.pageSize(), spec.headDim());
      values = allocate(spec.dtype(), count, spec.pageSize(), spec.headDim());
      positions = allocate(DType.I32, count, spec.pageSize());
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private Tensor allocate(DType dtype, long... shape) {
    HostTensor tensor = new HostTensor(dtype, shape);
    memory.add(tensor);
    return tensor.tensor();
  }

  /** Memory that is held. */
  long bytes() {
    return memory.stream().mapToLong(held -> held.tensor().bytes()).sum();
  }

  /** Pages for which there is room. */
  int count() {
    return (int) positions.size(0);
  }

  /** Keys, values and positions. */
  List<Tensor> tensors() {
    return List.of(keys, values, positions);
  }

  /** The position of the token in a slot. */
  int position(int page, int slot) {
    return positions.getInt(page * positions.size(1) + slot);
  }

  /** Copies pages of a pool to the places from {@code at} on. */
  void read(KvPool pool, int[] pages, int at) {
    int end = at + pages.length;
    pool.exportPages(pages, keys.slice(at, end), values.slice(at, end), positions.slice(at, end));
  }

  /** Copies the places from {@code at} on to pages of a pool. */
  void write(KvPool pool, int[] pages, int at) {
    int end = at + pages.length;
    pool.importPages(pages, keys.slice(at, end), values.slice(at, end), positions.slice(at, end));
  }

  @Override
  public void close() {
    memory.forEach(HostTensor::close);
  }
}
