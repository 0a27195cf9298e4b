package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Weights in the layout of the kernels, in one buffer. */
final class CudaMatrix extends PreparedMatrix {
  private final DeviceBuffer memory;
  private final MemorySegment parameter;
  private final int slices;
  private final int shares;

  CudaMatrix(CudaKernelDevice device, WeightMatrix matrix) {
    MatrixForm form = MatrixForm.of(matrix);
    DeviceBuffer buffer = device.workspace(form.bytes(), "weights");
    try {
      form.copy(device, buffer, 0);
    } catch (RuntimeException e) {
      buffer.close();
      throw e;
    }
    memory = buffer;
    slices = form.slices();
    shares = form.shares();
    MemorySegment record = Arena.ofAuto().allocate(form.recordBytes(), Long.BYTES);
    form.writeRecord(buffer.address(), record, 0);
    parameter = record;
    super(device, matrix, form.bytes());
  }

  /** Number of slices of all panels. */
  int slices() {
    return slices;
  }

  /** Number of shares of all panels. */
  int shares() {
    return shares;
  }

  /** Address of the first part. */
  long address() {
    return memory.address();
  }

  /** The kernels' parameter: {@code DenseMatrix} or {@code GroupMatrix} in the sources. */
  MemorySegment parameter() {
    return parameter;
  }

  @Override
  protected void release() {
    memory.close();
  }
}
