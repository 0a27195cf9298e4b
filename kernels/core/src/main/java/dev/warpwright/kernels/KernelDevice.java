package dev.warpwright.kernels;

import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.moe.MoeKernels;
import dev.warpwright.kernels.reduce.ReduceKernels;
import dev.warpwright.kernels.sparse.SparseKernels;

/**
 * An open device: its memory, and one object a kernel family that makes plans. A device may be
 * shared by threads; a plan may not. Closing is idempotent; plans of a closed device refuse to run.
 */
public interface KernelDevice extends Resource {
  /** The provider's id. */
  String provider();

  /**
   * The device as {@code provider:ordinal}; the {@link Memory#place} of its memory unless that is
   * the host's.
   */
  String place();

  /** Readable name of the hardware. */
  String name();

  /** Whether the device may still be used. */
  boolean isOpen();

  /** Whether plans of this device may be given {@code memory}. */
  boolean canAccess(Memory memory);

  /**
   * Memory of this device for a tensor, zeroed. The caller closes it.
   *
   * @throws OutOfDeviceMemoryException if there is not enough
   */
  DeviceTensor allocate(DType dtype, long... shape);

  /**
   * Copies all elements of a tensor, between host memory and this device or within either. Host
   * memory has been read or written when the call returns; a copy within the device is enqueued.
   *
   * @param from any tensor that the device can access
   * @param to one of the same element type and shape, writable and disjoint
   */
  void copy(Tensor from, Tensor to);

  /** Waits until all enqueued work is done and throws what went wrong in it. */
  void synchronize();

  /** Whether a plan can be made for {@code spec}, or why not. */
  Support support(KernelSpec spec);

  /** Attention kernels. */
  AttentionKernels attention();

  /** Matrix products. */
  SparseKernels sparse();

  /** Mixture-of-experts kernels. */
  MoeKernels moe();

  /** Reductions. */
  ReduceKernels reduce();
}
