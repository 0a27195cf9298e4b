package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.MemorySegment;

/** Weights in the layout of the kernels, in one buffer. */
abstract class CudaMatrix extends PreparedMatrix {
  private static final long ALIGNMENT = 64;

  private final CudaKernelDevice device;
  private final DeviceBuffer memory;

  /** Where the next part begins. */
  private long end;

  CudaMatrix(CudaKernelDevice device, WeightMatrix matrix, long bytes) {
    this.device = device;
    memory = device.workspace(bytes, "weights");
    super(device, matrix, bytes);
  }

  /** Room that a part takes. */
  static long room(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  /** Brings the next part to the device; its address there. */
  final long put(MemorySegment part) {
    long at = end;
    end = at + room(part.byteSize());
    if (part.byteSize() > 0) {
      device.copy(part, memory, at);
    }
    return memory.address() + at;
  }

  /** Number of slices of all panels. */
  abstract int slices();

  /** Number of shares of all panels. */
  abstract int shares();

  /** Adds the parameters of the kernels that describe the weights. */
  abstract void addTo(KernelArguments arguments);

  @Override
  protected final void release() {
    memory.close();
  }
}
