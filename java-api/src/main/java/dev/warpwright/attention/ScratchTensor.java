package dev.warpwright.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/** F32 memory of a device that grows with the steps; what it held is lost then. */
final class ScratchTensor implements Resource {
  private final KernelDevice device;
  private @Nullable DeviceTensor held;

  ScratchTensor(KernelDevice device) {
    this.device = device;
  }

  /** The first elements. */
  Tensor of(long elements) {
    DeviceTensor memory = held;
    if (memory == null || memory.tensor().elements() < elements) {
      close();
      // Room for the steps that follow, which add a slot to each row.
      memory = device.allocate(DType.F32, elements + elements / 4 + 1024);
      held = memory;
    }
    return memory.tensor().slice(0, elements);
  }

  /** The first elements, in a shape. */
  Tensor of(long tokens, long heads, long dim) {
    return of(tokens * heads * dim).reshape(tokens, heads, dim);
  }

  /** Memory that is held. */
  long bytes() {
    return held == null ? 0 : held.tensor().bytes();
  }

  @Override
  public void close() {
    if (held != null) {
      held.close();
      held = null;
    }
  }
}
