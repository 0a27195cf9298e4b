package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;

/** The definition of {@link PageTransfer}, by way of the pool's own copies of pages. */
final class PageTransferReference extends PageTransfer {
  PageTransferReference(KernelDevice device, PageTransferSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
  }

  @Override
  protected void execute(int count, Tensor pages, PageBuffer buffer) {
    boolean gather = spec().direction() == Direction.GATHER;
    int[] numbers = pages.toInts();
    if (gather) {
      pool().exportPages(numbers, buffer.keys(), buffer.values(), buffer.positions());
    } else {
      pool().importPages(numbers, buffer.keys(), buffer.values(), buffer.positions());
    }
    for (int array = 0; array < pool().arrayCount(); array++) {
      for (int i = 0; i < count; i++) {
        Tensor inside = pool().array(array).tensor().row(numbers[i]);
        Tensor outside = buffer.numbers().get(array).row(i);
        Tensor from = gather ? inside : outside;
        Tensor to = gather ? outside : inside;
        to.segment().copyFrom(from.segment());
      }
    }
  }

  @Override
  protected void release() {}
}
