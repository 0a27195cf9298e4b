package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A matrix of integer codes of which whole groups of {@code 1 × size} weights are left out (block
 * sparse rows).
 *
 * <p>Kept groups lie one after the other, rows ascending and groups ascending inside a row. Source
 * of the format: GQSA (arXiv 2412.17560).
 *
 * @param columns input features
 * @param grouping codes and groups
 * @param rowStart I64 {@code [rows + 1]}: kept groups before each row; begins with 0, never falls
 * @param groupIndex I16 (unsigned) {@code [kept]}: which group of its row each kept group is; rises
 *     inside a row
 * @param codes U8 {@code [kept, codeBytes]}
 * @param scales F16 {@code [kept]}; finite
 * @param zeros U8 {@code [kept]}, or null for a symmetric grouping
 */
public record GroupSparseMatrix(
    int columns,
    Grouping grouping,
    Tensor rowStart,
    Tensor groupIndex,
    Tensor codes,
    Tensor scales,
    @Nullable Tensor zeros)
    implements WeightMatrix {
  /** Most groups of a row, so that an index fits in 16 bits. */
  public static final int MAX_GROUPS = 1 << 16;

  /** Checks types, shapes, every index, and that scales are finite. */
  public GroupSparseMatrix {
    Checks.between("columns", columns, 1, Integer.MAX_VALUE - 256);
    Checks.notNull("grouping", grouping);
    Checks.between("columns/size", grouping.groups(columns), 1, MAX_GROUPS);
    Checks.notNull("rowStart", rowStart);
    Checks.that(rowStart.rank() == 1, "rowStart.rank", rowStart.rank(), "1");
    Checks.between("rowStart.shape[0]", rowStart.elements(), 2, Integer.MAX_VALUE);
    Checks.tensor("rowStart", rowStart, DType.I64, rowStart.elements());
    Checks.notNull("scales", scales);
    long kept = scales.elements();
    Checks.tensor("scales", scales, DType.F16, kept);
    Checks.tensor("groupIndex", groupIndex, DType.I16, kept);
    Checks.tensor("codes", codes, DType.U8, kept, grouping.codeBytes());
    if (grouping.symmetric()) {
      Checks.that(zeros == null, "zeros", "present", "null for a symmetric grouping");
    } else {
      Checks.tensor("zeros", zeros, DType.U8, kept);
    }
    GroupCodes.requireHost(codes, scales, zeros);
    GroupCodes.requireHost(rowStart, groupIndex, null);
    GroupCodes.requireFinite(scales);
    requireIndices(rowStart, groupIndex, kept, grouping.groups(columns));
  }

  /** The same matrix with all groups kept; codes, scales and zeros are shared, not copied. */
  public static GroupSparseMatrix of(QuantMatrix matrix) {
    Checks.notNull("matrix", matrix);
    Grouping grouping = matrix.grouping();
    int groups = grouping.groups(matrix.columns());
    long kept = (long) matrix.rows() * groups;
    Arena arena = Arena.ofAuto();
    Tensor rowStart = Tensor.allocate(arena, DType.I64, matrix.rows() + 1L);
    for (int row = 0; row <= matrix.rows(); row++) {
      rowStart.segment().setAtIndex(ValueLayout.JAVA_LONG, row, (long) row * groups);
    }
    Tensor groupIndex = Tensor.allocate(arena, DType.I16, kept);
    for (long t = 0; t < kept; t++) {
      groupIndex.segment().setAtIndex(ValueLayout.JAVA_SHORT, t, (short) (t % groups));
    }
    Tensor zeros = matrix.zeros();
    return new GroupSparseMatrix(
        matrix.columns(),
        grouping,
        rowStart,
        groupIndex,
        matrix.codes().reshape(kept, grouping.codeBytes()),
        matrix.scales().reshape(kept),
        zeros == null ? null : zeros.reshape(kept));
  }

  private static void requireIndices(Tensor rowStart, Tensor groupIndex, long kept, int groups) {
    long start = start(rowStart, 0);
    Checks.that(start == 0, "rowStart[0]", start, "0");
    for (long row = 0; row + 1 < rowStart.elements(); row++) {
      long end = start(rowStart, row + 1);
      if (end < start || end > kept) {
        throw new InvalidArgumentException("rowStart[" + (row + 1) + "]", end, start + ".." + kept);
      }
      int before = -1;
      for (long t = start; t < end; t++) {
        int index = index(groupIndex, t);
        if (index <= before || index >= groups) {
          throw new InvalidArgumentException(
              "groupIndex[" + t + "]", index, (before + 1) + ".." + (groups - 1));
        }
        before = index;
      }
      start = end;
    }
    Checks.that(start == kept, "rowStart[rows]", start, "the number of kept groups, " + kept);
  }

  private static long start(Tensor rowStart, long row) {
    return rowStart.segment().get(ValueLayout.JAVA_LONG_UNALIGNED, row * 8);
  }

  private static int index(Tensor groupIndex, long t) {
    return groupIndex.segment().get(ValueLayout.JAVA_SHORT_UNALIGNED, t * 2) & 0xFFFF;
  }

  /** Kept groups before a row; the row behind the last one gives the number of all. */
  public long rowStart(int row) {
    return start(rowStart, row);
  }

  /** Which group of its row kept group {@code t} is. */
  public int groupIndex(long t) {
    return index(groupIndex, t);
  }

  /** Number of kept groups. */
  public long kept() {
    return scales.elements();
  }

  /** The zero point of kept group {@code t}. */
  public int zero(long t) {
    return zeros == null ? grouping.zero() : zeros.segment().get(ValueLayout.JAVA_BYTE, t) & 0xFF;
  }

  @Override
  public int rows() {
    return (int) rowStart.elements() - 1;
  }

  @Override
  public WeightFormat format() {
    return new WeightFormat.GroupSparse(grouping);
  }

  @Override
  public long bytes() {
    return codes.bytes()
        + scales.bytes()
        + groupIndex.bytes()
        + rowStart.bytes()
        + (zeros == null ? 0 : zeros.bytes());
  }

  @Override
  public void decodeRow(int row, float[] into) {
    Arrays.fill(into, 0, columns, 0f);
    for (long t = rowStart(row); t < rowStart(row + 1); t++) {
      GroupCodes.decode(
          grouping,
          codes,
          t,
          scales.getFloat(t),
          zero(t),
          into,
          groupIndex(t) * grouping.size(),
          columns);
    }
  }
}
