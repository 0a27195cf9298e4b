package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.KvPoolSpec;

/**
 * Where the elements of a pool lie. Values, and keys of pages whose size is no multiple of a block,
 * are rows of a slot's elements, padded to whole vectors. Other keys are blocks {@code [headDim,
 * 16]}: one vector holds the same element of 16 keys, so that 16 dot products need no sum across
 * lanes. All offsets are in bytes.
 */
final class KvLayout {
  private final int headDim;
  private final int paddedDim;
  private final int pageSize;
  private final int elementBytes;
  private final boolean blocked;
  private final long slots;

  KvLayout(KvPoolSpec spec) {
    headDim = spec.headDim();
    paddedDim = (headDim + Lanes.BLOCK - 1) / Lanes.BLOCK * Lanes.BLOCK;
    pageSize = spec.pageSize();
    elementBytes = spec.dtype().bytes();
    blocked = pageSize % Lanes.BLOCK == 0;
    slots = (long) spec.headPages() * pageSize;
  }

  /** Elements of a padded row. */
  int paddedDim() {
    return paddedDim;
  }

  /** Whether keys lie in blocks. */
  boolean blocked() {
    return blocked;
  }

  /** Size of all keys. */
  long keyBytes() {
    return slots * (blocked ? headDim : paddedDim) * elementBytes;
  }

  /** Size of all values. */
  long valueBytes() {
    return slots * paddedDim * elementBytes;
  }

  /** Number of a slot among those of the pool. */
  long slot(int page, int slot) {
    return (long) page * pageSize + slot;
  }

  /** The first element of a slot's key. */
  long key(long slot) {
    return blocked
        ? (slot / Lanes.BLOCK * headDim * Lanes.BLOCK + slot % Lanes.BLOCK) * elementBytes
        : slot * paddedDim * elementBytes;
  }

  /** From one element of a key to the next. */
  int keyStride() {
    return blocked ? Lanes.BLOCK * elementBytes : elementBytes;
  }

  /** The first element of a slot's value. */
  long value(long slot) {
    return slot * paddedDim * elementBytes;
  }
}
