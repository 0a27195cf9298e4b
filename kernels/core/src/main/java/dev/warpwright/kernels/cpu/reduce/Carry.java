package dev.warpwright.kernels.cpu.reduce;

import java.lang.foreign.MemorySegment;

/**
 * Up to two blocks of the binary counter that are added to a new sum while it is in registers:
 * first the one of the lowest digit. One that is not there is −0, read again and again from the
 * beginning of a block of it.
 *
 * @param first block of the lowest digit
 * @param firstMask what of a byte offset counts: all, or the place within one round
 * @param second block of the next digit
 * @param secondMask the same for it
 */
record Carry(MemorySegment first, long firstMask, MemorySegment second, long secondMask) {
  private static final long ROUND = 4L * VectorColumns.STEP - 1;

  /** The carry of {@code count} lowest digits, of which two at most are taken. */
  static Carry of(int count, MemorySegment[] counter, MemorySegment missing) {
    return new Carry(
        count > 0 ? counter[0] : missing,
        count > 0 ? -1 : ROUND,
        count > 1 ? counter[1] : missing,
        count > 1 ? -1 : ROUND);
  }
}
