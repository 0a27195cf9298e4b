package dev.warpwright.cuda.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** The groups of a matrix in canonical form, found by row and position. */
final class KeptGroups {
  private final ChunkSizes sizes;
  private final MemorySegment codes;
  private final MemorySegment scales;
  private final @Nullable MemorySegment zeros;
  private final @Nullable GroupSparseMatrix sparse;
  private final int rows;
  private final int groups;

  /** The next kept group of each row of the current block. */
  private final long[] next = new long[Blocks.ROWS];

  private final long[] end = new long[Blocks.ROWS];

  private KeptGroups(
      WeightMatrix matrix,
      ChunkSizes sizes,
      Tensor codes,
      Tensor scales,
      @Nullable Tensor zeros,
      @Nullable GroupSparseMatrix sparse) {
    this.sizes = sizes;
    this.codes = codes.segment();
    this.scales = scales.segment();
    this.zeros = zeros == null ? null : zeros.segment();
    this.sparse = sparse;
    rows = matrix.rows();
    groups = sizes.grouping().groups(matrix.columns());
  }

  static KeptGroups of(QuantMatrix m) {
    return new KeptGroups(m, sizes(m.format()), m.codes(), m.scales(), m.zeros(), null);
  }

  static KeptGroups of(GroupSparseMatrix m) {
    return new KeptGroups(m, sizes(m.format()), m.codes(), m.scales(), m.zeros(), m);
  }

  /** Sizes of the chunks of a format that has groups. */
  static ChunkSizes sizes(WeightFormat format) {
    return switch (format) {
      case WeightFormat.Quant quant -> new ChunkSizes(quant.grouping(), false);
      case WeightFormat.GroupSparse groupSparse -> new ChunkSizes(groupSparse.grouping(), true);
      case WeightFormat.Dense dense -> throw new IllegalArgumentException(dense.toString());
    };
  }

  ChunkSizes sizes() {
    return sizes;
  }

  Grouping grouping() {
    return sizes.grouping();
  }

  /** Groups of a row. */
  int groups() {
    return groups;
  }

  /** Starts with a block of rows. */
  void begin(int block) {
    for (int i = 0; i < Blocks.ROWS; i++) {
      int row = Math.min(block * Blocks.ROWS + i, rows);
      int behind = Math.min(row + 1, rows);
      next[i] = sparse == null ? (long) row * groups : sparse.rowStart(row);
      end[i] = sparse == null ? (long) behind * groups : sparse.rowStart(behind);
    }
  }

  /**
   * The group of a row of the block, or -1 if it is left out or there is no such row. Asked for
   * every group of a row in turn.
   */
  long take(int row, int group) {
    if (next[row] == end[row] || (sparse != null && sparse.groupIndex(next[row]) != group)) {
      return -1;
    }
    return next[row]++;
  }

  /** Copies codes of a group. */
  void codes(long group, int from, int bytes, MemorySegment into, long at) {
    MemorySegment.copy(codes, group * grouping().codeBytes() + from, into, at, bytes);
  }

  short scale(long group) {
    return scales.get(ValueLayout.JAVA_SHORT_UNALIGNED, group * Short.BYTES);
  }

  byte zero(long group) {
    return Checks.notNull("zeros", zeros).get(ValueLayout.JAVA_BYTE, group);
  }
}
