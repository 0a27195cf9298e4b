package dev.warpwright.kernels.cpu.sparse;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The vectors of 4-bit codes of {@code warpwright_cpu.h}: eight columns of 16 rows, a row a lane.
 */
final class W4Lanes {
  private static final int LANES = 16;

  /** Columns of a 32-bit word. */
  private static final int WORD = 8;

  private W4Lanes() {}

  /**
   * Copies the codes of one group of a row.
   *
   * @param from canonical codes
   * @param at byte offset of the group
   * @param group columns of the group
   * @param into vectors
   * @param first byte offset of the group's first vector
   * @param lane lane of the row
   */
  static void copy(
      MemorySegment from, long at, int group, MemorySegment into, long first, int lane) {
    for (long word = 0; word < group / WORD; word++) {
      int eight = from.get(ValueLayout.JAVA_INT_UNALIGNED, at + word * Integer.BYTES);
      into.set(
          ValueLayout.JAVA_INT,
          first + (word * LANES + lane) * Integer.BYTES,
          spread(eight) | spread(eight >>> 16) << 4);
    }
  }

  /** The four lowest half bytes, each in the lower half of a byte. */
  private static int spread(int fourCodes) {
    int lower = fourCodes & 0xFFFF;
    int pairs = (lower | lower << 8) & 0x00FF00FF;
    return (pairs | pairs << 4) & 0x0F0F0F0F;
  }
}
