package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.DenseMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Weights of 16 bits in tiles: a 32-bit lane holds two consecutive weights of its row. */
abstract class HalfMatrix extends TileMatrix {
  /** Shorter sums that are added up have smaller errors than one long one. */
  static final int GROUP = 64;

  /** The weights of two columns, {@link #TILE} words. */
  final MemorySegment words;

  HalfMatrix(HostDevice device, DenseMatrix matrix) {
    long bytes = (long) tiles(matrix) * groups(matrix, GROUP) * GROUP * TILE * Short.BYTES;
    super(device, matrix, GROUP, bytes);
    words = allocate(bytes);
    MemorySegment from = matrix.weights().segment();
    for (int n = 0; n < rows(); n++) {
      long tile = (long) (n / TILE) * groups() * GROUP;
      for (int k = 0; k < columns(); k++) {
        long word = (tile + (k & ~1)) * TILE / 2 + n % TILE;
        short weight =
            from.get(ValueLayout.JAVA_SHORT_UNALIGNED, ((long) n * columns() + k) * Short.BYTES);
        words.setAtIndex(ValueLayout.JAVA_SHORT, 2 * word + (k & 1), weight);
      }
    }
  }

  /** Byte offset of the first word of a group. */
  final long offset(int tile, int number) {
    return ((long) tile * groups() + number) * GROUP * TILE * Short.BYTES;
  }
}
