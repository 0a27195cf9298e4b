package dev.warpwright.kernels;

/** Memory of a device that holds one tensor; whoever allocated it closes it. */
public interface DeviceTensor extends Resource {
  /** The tensor. */
  Tensor tensor();
}
