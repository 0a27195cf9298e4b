package dev.warpwright.cuda.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The private form of a matrix, as {@code expert_matmul.cu} reads it. Tiles of 32 rows; inside a
 * tile, group by group, the codes of the rows that keep the group, in pieces of at most 16 bytes of
 * each row in turn. A dense matrix has groups of 16 bytes, all kept. Behind the codes lie scales
 * and zero points in the same order, and for a group-sparse matrix, by tile and group, a bit for
 * each row and the number of units before.
 */
final class MatrixTiles {
  /** Bytes of a matrix's addresses in the table that the kernel starts from. */
  static final int ENTRY = 4 * Long.BYTES;

  private static final int ROWS = 32;
  private static final int PIECE = 16;

  private final WeightMatrix matrix;
  private final int groups;
  private final int unitBytes;
  private final long units;
  private final long scales;
  private final long zeros;
  private final long kept;
  private final long end;

  MatrixTiles(WeightMatrix matrix) {
    this.matrix = matrix;
    switch (matrix) {
      case DenseMatrix dense -> {
        unitBytes = PIECE;
        long rowBytes = (long) dense.columns() * dense.weights().dtype().bytes();
        groups = (int) Math.ceilDiv(rowBytes, PIECE);
        units = (long) dense.rows() * groups;
      }
      case QuantMatrix quant -> {
        unitBytes = quant.grouping().codeBytes();
        groups = quant.grouping().groups(quant.columns());
        units = (long) quant.rows() * groups;
      }
      case GroupSparseMatrix sparse -> {
        unitBytes = sparse.grouping().codeBytes();
        groups = sparse.grouping().groups(sparse.columns());
        units = sparse.kept();
      }
    }
    boolean coded = !(matrix instanceof DenseMatrix);
    boolean asymmetric = coded && !grouping().symmetric();
    boolean sparse = matrix instanceof GroupSparseMatrix;
    scales = aligned(units * unitBytes);
    zeros = scales + (coded ? aligned(units * Short.BYTES) : 0);
    kept = zeros + (asymmetric ? aligned(units) : 0);
    end = kept + (sparse ? (long) tiles() * groups * Long.BYTES : 0);
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, PIECE) * PIECE;
  }

  private Grouping grouping() {
    return switch (matrix) {
      case QuantMatrix quant -> quant.grouping();
      case GroupSparseMatrix sparse -> sparse.grouping();
      case DenseMatrix dense -> throw new IllegalStateException("a dense matrix has no groups");
    };
  }

  private int tiles() {
    return Math.ceilDiv(matrix.rows(), ROWS);
  }

  /** Size of the private form. */
  long bytes() {
    return aligned(end);
  }

  /** Writes the addresses of a matrix whose private form begins at {@code address}. */
  void writeEntry(long address, MemorySegment table, long at) {
    table.set(ValueLayout.JAVA_LONG, at, address);
    table.set(ValueLayout.JAVA_LONG, at + 8, address + scales);
    table.set(ValueLayout.JAVA_LONG, at + 16, kept > zeros ? address + zeros : 0);
    table.set(ValueLayout.JAVA_LONG, at + 24, end > kept ? address + kept : 0);
  }

  /** Writes the private form to zeroed memory. */
  void write(MemorySegment to) {
    int[] rows = new int[ROWS];
    long[] units = new long[ROWS];
    long[] cursors = new long[ROWS];
    long before = 0;
    for (int tile = 0; tile < tiles(); tile++) {
      int first = tile * ROWS;
      int count = Math.min(ROWS, matrix.rows() - first);
      for (int i = 0; i < count; i++) {
        cursors[i] = firstUnit(first + i);
      }
      for (int group = 0; group < groups; group++) {
        int bits = 0;
        int found = 0;
        for (int i = 0; i < count; i++) {
          if (keeps(first + i, group, cursors[i])) {
            rows[found] = first + i;
            units[found++] = cursors[i]++;
            bits |= 1 << i;
          }
        }
        if (end > kept) {
          long at = kept + ((long) tile * groups + group) * Long.BYTES;
          to.set(ValueLayout.JAVA_INT, at, bits);
          to.set(ValueLayout.JAVA_INT, at + Integer.BYTES, (int) before);
        }
        for (int rank = 0; rank < found; rank++) {
          writeUnit(to, before, found, rank, units[rank], group, rows[rank]);
        }
        before += found;
      }
    }
  }

  private long firstUnit(int row) {
    return matrix instanceof GroupSparseMatrix sparse ? sparse.rowStart(row) : (long) row * groups;
  }

  private boolean keeps(int row, int group, long unit) {
    return !(matrix instanceof GroupSparseMatrix sparse)
        || (unit < sparse.rowStart(row + 1) && sparse.groupIndex(unit) == group);
  }

  private void writeUnit(
      MemorySegment to, long before, int found, int rank, long unit, int group, int row) {
    switch (matrix) {
      case DenseMatrix dense -> {
        long rowBytes = (long) dense.columns() * dense.weights().dtype().bytes();
        long from = (long) group * PIECE;
        long length = Math.min(PIECE, rowBytes - from);
        MemorySegment.copy(
            dense.weights().segment(), row * rowBytes + from, to, (before + rank) * PIECE, length);
      }
      case QuantMatrix quant ->
          writeCodes(to, before, found, rank, unit, quant.codes(), quant.scales(), quant.zeros());
      case GroupSparseMatrix sparse ->
          writeCodes(
              to, before, found, rank, unit, sparse.codes(), sparse.scales(), sparse.zeros());
    }
  }

  private void writeCodes(
      MemorySegment to,
      long before,
      int found,
      int rank,
      long unit,
      Tensor codes,
      Tensor unitScales,
      @Nullable Tensor unitZeros) {
    int piece = Math.min(PIECE, unitBytes);
    for (int p = 0; p < unitBytes / piece; p++) {
      MemorySegment.copy(
          codes.segment(),
          unit * unitBytes + (long) p * piece,
          to,
          before * unitBytes + ((long) p * found + rank) * piece,
          piece);
    }
    MemorySegment.copy(
        unitScales.segment(), unit * Short.BYTES, to, scales + (before + rank) * Short.BYTES, 2);
    if (unitZeros != null) {
      MemorySegment.copy(unitZeros.segment(), unit, to, zeros + before + rank, 1);
    }
  }
}
