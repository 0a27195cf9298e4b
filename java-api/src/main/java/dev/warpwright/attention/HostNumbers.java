package dev.warpwright.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.HostTensor;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.List;

/** Host memory for the numbers beside the slots of some pages, one tensor for each slot array. */
final class HostNumbers implements Resource {
  private final List<HostTensor> memory = new ArrayList<>();

  /** Room for the numbers of {@code count} pages of a pool like {@code pool}. */
  HostNumbers(KvPool pool, int count) {
    for (int i = 0; i < pool.arrayCount(); i++) {
      memory.add(new HostTensor(DType.F32, count, pool.spec().pageSize(), pool.array(i).width()));
    }
  }

  /** Memory that is held. */
  long bytes() {
    return memory.stream().mapToLong(held -> held.tensor().bytes()).sum();
  }

  /** The numbers, an array at a time. */
  List<Tensor> tensors() {
    return memory.stream().map(HostTensor::tensor).toList();
  }

  /** Copies the numbers of a pool's pages. */
  void read(KvPool pool, int... pages) {
    for (int i = 0; i < memory.size(); i++) {
      SlotArray array = pool.array(i);
      for (int at = 0; at < pages.length; at++) {
        pool.device().copy(array.tensor().row(pages[at]), memory.get(i).tensor().row(at));
      }
    }
  }

  /** Copies the numbers to a pool's pages. */
  void write(KvPool pool, int... pages) {
    for (int i = 0; i < memory.size(); i++) {
      SlotArray array = pool.array(i);
      for (int at = 0; at < pages.length; at++) {
        pool.device().copy(memory.get(i).tensor().row(at), array.tensor().row(pages[at]));
      }
    }
  }

  @Override
  public void close() {
    memory.forEach(HostTensor::close);
  }
}
