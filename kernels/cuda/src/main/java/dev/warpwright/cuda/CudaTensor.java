package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.CudaDevice;
import dev.warpwright.cuda.runtime.CudaStream;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.Shape;
import dev.warpwright.kernels.Tensor;

/** A tensor with device memory of its own. */
final class CudaTensor implements DeviceTensor {
  private final DeviceBuffer memory;
  private final Tensor tensor;

  private CudaTensor(DeviceBuffer memory, Tensor tensor) {
    this.memory = memory;
    this.tensor = tensor;
  }

  static CudaTensor allocate(CudaDevice device, CudaStream stream, DType dtype, long... shape) {
    long bytes = Math.multiplyExact(Shape.of(shape).elements(), (long) dtype.bytes());
    DeviceBuffer memory = device.allocate(Math.max(bytes, 1), "tensor " + dtype + Shape.of(shape));
    try {
      memory.fill(0, memory.bytes(), (byte) 0, stream);
      return new CudaTensor(memory, Tensor.of(memory, 0, dtype, shape));
    } catch (RuntimeException e) {
      memory.close();
      throw e;
    }
  }

  @Override
  public Tensor tensor() {
    return tensor;
  }

  @Override
  public void close() {
    memory.close();
  }
}
