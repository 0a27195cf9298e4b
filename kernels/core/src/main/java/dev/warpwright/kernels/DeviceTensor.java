package dev.warpwright.kernels;

/** Memory of a device that holds one tensor; whoever allocated it closes it. */
public interface DeviceTensor extends AutoCloseable {
  /** The tensor. */
  Tensor tensor();

  /** Frees the memory; idempotent. */
  @Override
  void close();
}
