package dev.warpwright.kernels.cpu.sparse;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.MUL;
import static jdk.incubator.vector.VectorOperators.S2I;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HugePages;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Symmetric 4-bit codes of kept groups, row after row. Rows keep different groups, so lanes lie
 * along the columns of a group: one or two vectors of weights, which share the words of a block
 * with those of the next groups. A block holds eight vectors of weights; the last block of a row is
 * filled up with groups of scale zero that read the zeros behind x.
 *
 * <p>Sums of even and odd groups of a row are kept apart, and all lanes are added at the end of the
 * row, or of a segment of a very long one.
 */
abstract class GroupMatrix extends VectorMatrix {
  /** Vectors of weights in a block of words. */
  static final int VECTORS = 8;

  /** Bytes of a block. */
  static final int BLOCK = Lanes.INTS.vectorByteSize();

  /** Groups that are decoded at once. */
  private static final int SEGMENT = SCRATCH / 4;

  /** Places in the scratch memory, behind the scales: where groups begin in x, and sums. */
  static final int OFFSETS = SEGMENT;

  static final int SUMS = 2 * SEGMENT;

  /** Codes that one claim of work is worth. */
  private static final long UNIT_BYTES = 64 << 10;

  private final Arena arena = Arena.ofShared();
  private final int[] unitRows;

  /** Blocks before each row. */
  private final long[] rowStart;

  private final int perBlock;
  private final int sizeLog;
  final MemorySegment codes;
  private final MemorySegment scales;

  /** Which group of x each group multiplies. */
  private final MemorySegment indices;

  GroupMatrix(HostDevice device, GroupSparseMatrix matrix, int size) {
    int perBlock = VECTORS * Lanes.COUNT / size;
    int split = matrix.grouping().size() / size;
    long[] rowStart = rowStart(matrix, split, perBlock);
    long blocks = rowStart[matrix.rows()];
    super(device, matrix, blocks * (BLOCK + perBlock * 4L) + rowStart.length * 8L);
    this.perBlock = perBlock;
    this.sizeLog = Integer.numberOfTrailingZeros(size);
    this.rowStart = rowStart;
    unitRows = units(rowStart);
    codes = allocate(blocks * BLOCK);
    // Whole vectors of these are read, even at the last group.
    long groupBytes = (blocks * perBlock + Lanes.COUNT) * Short.BYTES;
    scales = allocate(groupBytes);
    indices = allocate(groupBytes);
    for (int n = 0; n < matrix.rows(); n++) {
      fill(matrix, n, size, split);
    }
  }

  private MemorySegment allocate(long bytes) {
    MemorySegment memory = arena.allocate(Math.max(bytes, 1), 64);
    HugePages.advise(memory);
    return memory;
  }

  private static long[] rowStart(GroupSparseMatrix matrix, int split, int perBlock) {
    long[] starts = new long[matrix.rows() + 1];
    for (int n = 0; n < matrix.rows(); n++) {
      long groups = (matrix.rowStart(n + 1) - matrix.rowStart(n)) * split;
      starts[n + 1] = starts[n] + (groups + perBlock - 1) / perBlock;
    }
    return starts;
  }

  /** Cuts the rows so that units have about equally many blocks; no row is cut. */
  private static int[] units(long[] rowStart) {
    int rows = rowStart.length - 1;
    long blocks = rowStart[rows];
    int most = (int) Math.min(rows, blocks * BLOCK / UNIT_BYTES + 1);
    int[] cuts = new int[most + 1];
    int units = 0;
    for (int unit = 1; unit <= most; unit++) {
      int row = Arrays.binarySearch(rowStart, blocks * unit / most);
      row = unit == most ? rows : row < 0 ? -row - 1 : row;
      if (row > cuts[units]) {
        cuts[++units] = row;
      }
    }
    return Arrays.copyOf(cuts, units + 1);
  }

  private void fill(GroupSparseMatrix matrix, int row, int size, int split) {
    MemorySegment from = matrix.codes().segment();
    int codeBytes = size / 2;
    int none = (paddedColumns(matrix.columns()) - PADDING) / size;
    long into = rowStart[row] * perBlock;
    for (long t = matrix.rowStart(row); t < matrix.rowStart(row + 1); t++) {
      short scale =
          matrix.scales().segment().get(ValueLayout.JAVA_SHORT_UNALIGNED, t * Short.BYTES);
      for (int part = 0; part < split; part++, into++) {
        scales.setAtIndex(ValueLayout.JAVA_SHORT, into, scale);
        indices.setAtIndex(
            ValueLayout.JAVA_CHAR, into, (char) (matrix.groupIndex(t) * split + part));
        for (int u = 0; u < size; u++) {
          byte pair = from.get(ValueLayout.JAVA_BYTE, (t * split + part) * codeBytes + u / 2);
          put(into, u, (pair >>> (u % 2 * 4)) & 0xF, size);
        }
      }
    }
    for (; into < rowStart[row + 1] * perBlock; into++) {
      indices.setAtIndex(ValueLayout.JAVA_CHAR, into, (char) none);
    }
  }

  private void put(long group, int u, int code, int size) {
    int nibble = (int) (group % perBlock) * (size / Lanes.COUNT) + u / Lanes.COUNT;
    long at = group / perBlock * BLOCK + (long) (u % Lanes.COUNT) * Integer.BYTES;
    int word = codes.get(ValueLayout.JAVA_INT, at) | code << (4 * nibble);
    codes.set(ValueLayout.JAVA_INT, at, word);
  }

  @Override
  public final int units() {
    return unitRows.length - 1;
  }

  @Override
  public final int firstRow(int unit) {
    return unitRows[unit];
  }

  @Override
  public final void multiply(
      int fromUnit, int toUnit, int m, InputRows x, FloatRows y, float[] scratch) {
    multiply(fromUnit, toUnit, m, x.values(), x.stride(), y.values(), y.stride(), scratch);
  }

  private void multiply(
      int fromUnit,
      int toUnit,
      int m,
      float[] x,
      int xStride,
      float[] y,
      int yStride,
      float[] scratch) {
    for (int n = firstRow(fromUnit); n < firstRow(toUnit); n++) {
      for (int i = 0; i < m; i++) {
        y[i * yStride + n] = 0;
      }
      long end = rowStart[n + 1];
      for (long block = rowStart[n]; block < end; block += SEGMENT / VECTORS) {
        int count = (int) Math.min(end - block, SEGMENT / VECTORS);
        decode(block * perBlock, count * perBlock, scratch);
        int i = 0;
        for (; i + 4 <= m; i += 4) {
          multiplyFour(block, count, x, i * xStride, xStride, scratch);
          addSums(4, scratch, y, i * yStride + n, yStride);
        }
        for (; i < m; i++) {
          multiplyOne(block, count, x, i * xStride, scratch);
          addSums(1, scratch, y, i * yStride + n, yStride);
        }
      }
    }
  }

  private static void addSums(int m, float[] scratch, float[] y, int yFrom, int yStride) {
    for (int i = 0; i < m; i++) {
      FloatVector lanes = FloatVector.fromArray(Lanes.FLOATS, scratch, SUMS + i * Lanes.COUNT);
      y[yFrom + i * yStride] += Lanes.sum(lanes);
    }
  }

  /** Writes scales as floats, and as raw bits of floats where in a row of x the groups begin. */
  private void decode(long first, int count, float[] scratch) {
    IntVector f16Bits = Lanes.f16Bits();
    FloatVector f16Scale = Lanes.f16Scale();
    for (int i = 0; i < count; i += Lanes.COUNT) {
      long at = (first + i) * Short.BYTES;
      IntVector scale =
          (IntVector)
              ShortVector.fromMemorySegment(Lanes.SHORTS, scales, at, Lanes.ORDER)
                  .convertShape(S2I, Lanes.INTS, 0);
      scale
          .lanewise(LSHL, 13)
          .lanewise(AND, f16Bits)
          .reinterpretAsFloats()
          .lanewise(MUL, f16Scale)
          .intoArray(scratch, i);
      IntVector index =
          (IntVector)
              ShortVector.fromMemorySegment(Lanes.SHORTS, indices, at, Lanes.ORDER)
                  .convertShape(ZERO_EXTEND_S2I, Lanes.INTS, 0);
      index.lanewise(LSHL, sizeLog).reinterpretAsFloats().intoArray(scratch, OFFSETS + i);
    }
  }

  /**
   * Multiplies one row of x by {@code count} blocks of a row of W.
   *
   * @param scratch holds the scales and offsets of the blocks, and receives the sums of the lanes
   */
  abstract void multiplyOne(long block, int count, float[] x, int xFrom, float[] scratch);

  /** The same for four rows of x. */
  abstract void multiplyFour(
      long block, int count, float[] x, int xFrom, int xStride, float[] scratch);

  @Override
  protected final void release() {
    arena.close();
  }
}
