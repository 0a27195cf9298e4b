package dev.warpwright.kernels;

/** A block of memory that tensors live in: host memory, or a buffer of an open device. */
public interface Memory {
  /** Size in bytes. */
  long bytes();

  /** The device that owns the block, as {@code provider:ordinal}, or {@code host}. */
  String place();

  /** Whether the block may still be used. */
  boolean isAlive();
}
