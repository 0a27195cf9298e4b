package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.DenseMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Weights of 16 bits in tiles: a 32-bit lane holds two consecutive weights of its row. */
abstract class HalfMatrix extends TileMatrix {
  /** Shorter sums that are added up have smaller errors than one long one. */
  static final int GROUP = 64;

  /** Vectors that hold one lane's weights of a group. */
  static final int WORDS = GROUP / 2;

  final MemorySegment words;

  /** Bytes from a vector to that of the next rows. */
  final long stream;

  HalfMatrix(HostDevice device, DenseMatrix matrix) {
    long bytes = (long) tiles(matrix) * groups(matrix, GROUP) * GROUP * TILE * Short.BYTES;
    super(device, matrix, GROUP, bytes);
    words = allocate(bytes);
    stream = bytes / VECTORS;
    MemorySegment from = matrix.weights().segment();
    for (int n = 0; n < rows(); n++) {
      long at = offset(n / TILE, 0, WORDS) + n % TILE / Lanes.COUNT * stream + n % Lanes.COUNT * 4L;
      for (int k = 0; k < columns(); k++) {
        short weight =
            from.get(ValueLayout.JAVA_SHORT_UNALIGNED, ((long) n * columns() + k) * Short.BYTES);
        long word = at + (long) (k / 2) * Lanes.COUNT * Integer.BYTES;
        words.set(ValueLayout.JAVA_SHORT, word + k % 2 * 2L, weight);
      }
    }
  }
}
