package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HugePages;
import dev.warpwright.kernels.cpu.NativeLibrary;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Symmetric 4-bit codes of kept groups for {@code group_sparse_matmul_avx512.c}, in the layout of
 * {@code warpwright_cpu.h}. Rows keep different groups, but of the rows of a unit many keep the
 * same one: those lie side by side in the lanes of a vector, so that the product of a group is that
 * of a dense matrix, and its results are moved to the lanes of their rows.
 */
final class NativeGroupMatrix extends VectorMatrix {
  private static final int LANES = 16;

  /** Rows of a unit. */
  private static final int UNIT = 128;

  private static final int STREAMS = 4;
  private static final int TILES = UNIT / LANES;

  private final Arena arena = Arena.ofShared();
  private final int group;
  private final int groups;
  private final MemorySegment codes;
  private final MemorySegment scales;
  private final MemorySegment masks;
  private final MemorySegment starts;

  NativeGroupMatrix(HostDevice device, GroupSparseMatrix matrix) {
    int group = matrix.grouping().size();
    int groups = matrix.grouping().groups(matrix.columns());
    int units = (matrix.rows() + UNIT - 1) / UNIT;
    // Vectors of each stream, unit after unit.
    long[][] before = new long[STREAMS][units + 1];
    int[] kept = new int[groups];
    for (int unit = 0; unit < units; unit++) {
      count(matrix, unit, kept);
      for (int stream = 0; stream < STREAMS; stream++) {
        before[stream][unit + 1] = before[stream][unit];
        for (int g = 0; g < groups; g++) {
          int vectors = (kept[g] + LANES - 1) / LANES;
          before[stream][unit + 1] += (vectors - stream + STREAMS - 1) / STREAMS;
        }
      }
    }
    long vectors = 0;
    for (int stream = 0; stream < STREAMS; stream++) {
      vectors += before[stream][units];
    }
    long vectorBytes = (long) LANES * group / 2;
    long maskBytes = (long) units * groups * TILES * Short.BYTES;
    super(
        device,
        matrix,
        vectors * (vectorBytes + LANES * Short.BYTES)
            + maskBytes
            + (long) units * (STREAMS + 1) * Long.BYTES);
    this.group = group;
    this.groups = groups;
    codes = allocate(vectors * vectorBytes);
    scales = allocate(vectors * LANES * Short.BYTES);
    masks = allocate(maskBytes);
    starts = allocate((long) units * (STREAMS + 1) * Long.BYTES);
    for (int unit = 0; unit < units; unit++) {
      long first = 0;
      long streamBegin = 0;
      for (int stream = 0; stream < STREAMS; stream++) {
        setStart(unit, stream, (streamBegin + before[stream][unit]) * vectorBytes);
        streamBegin += before[stream][units];
        first += before[stream][unit];
      }
      setStart(unit, STREAMS, first);
      count(matrix, unit, kept);
      fill(matrix, unit, kept);
    }
  }

  private MemorySegment allocate(long bytes) {
    MemorySegment memory = arena.allocate(Math.max(bytes, 1), 64);
    HugePages.advise(memory);
    return memory;
  }

  private void setStart(int unit, int index, long value) {
    starts.setAtIndex(ValueLayout.JAVA_LONG, (long) unit * (STREAMS + 1) + index, value);
  }

  /** How many rows of a unit keep each group. */
  private static void count(GroupSparseMatrix matrix, int unit, int[] kept) {
    Arrays.fill(kept, 0);
    int end = Math.min((unit + 1) * UNIT, matrix.rows());
    for (long t = matrix.rowStart(unit * UNIT); t < matrix.rowStart(end); t++) {
      kept[matrix.groupIndex(t)]++;
    }
  }

  /** Writes the rows of a unit, the kept groups of each at the next free lane of their group. */
  private void fill(GroupSparseMatrix matrix, int unit, int[] kept) {
    long vectorBytes = (long) LANES * group / 2;
    long[] stream = new long[STREAMS];
    for (int s = 0; s < STREAMS; s++) {
      stream[s] = starts.getAtIndex(ValueLayout.JAVA_LONG, (long) unit * (STREAMS + 1) + s);
    }
    long scale = starts.getAtIndex(ValueLayout.JAVA_LONG, (long) unit * (STREAMS + 1) + STREAMS);
    // Where each group's vectors lie: of its first vector in each stream, and its scales.
    long[][] at = new long[groups][STREAMS];
    long[] scaleAt = new long[groups];
    for (int g = 0; g < groups; g++) {
      int vectors = (kept[g] + LANES - 1) / LANES;
      scaleAt[g] = scale;
      scale += vectors;
      for (int s = 0; s < STREAMS; s++) {
        at[g][s] = stream[s];
        stream[s] += (vectors - s + STREAMS - 1) / STREAMS * vectorBytes;
      }
    }
    int[] lanes = new int[groups];
    for (int row = unit * UNIT; row < Math.min((unit + 1) * UNIT, rows()); row++) {
      for (long t = matrix.rowStart(row); t < matrix.rowStart(row + 1); t++) {
        int g = matrix.groupIndex(t);
        int vector = lanes[g] / LANES;
        int lane = lanes[g] % LANES;
        lanes[g]++;
        long mask = (((long) unit * groups + g) * TILES + row % UNIT / LANES) * Short.BYTES;
        masks.set(
            ValueLayout.JAVA_SHORT,
            mask,
            (short) (masks.get(ValueLayout.JAVA_SHORT, mask) | 1 << row % LANES));
        scales.setAtIndex(
            ValueLayout.JAVA_SHORT,
            (scaleAt[g] + vector) * LANES + lane,
            matrix.scales().segment().get(ValueLayout.JAVA_SHORT_UNALIGNED, t * Short.BYTES));
        W4Lanes.copy(
            matrix.codes().segment(),
            t * group / 2,
            group,
            codes,
            at[g][vector % STREAMS] + vector / STREAMS * vectorBytes,
            lane);
      }
    }
  }

  @Override
  public int units() {
    return (rows() + UNIT - 1) / UNIT;
  }

  @Override
  public int firstRow(int unit) {
    return (int) Math.min((long) unit * UNIT, rows());
  }

  @Override
  public void multiply(int fromUnit, int toUnit, int m, InputRows x, FloatRows y, float[] scratch) {
    NativeRows rows = x.natives();
    for (int unit = fromUnit; unit < toUnit; unit++) {
      int first = firstRow(unit);
      int count = firstRow(unit + 1) - first;
      for (int i = 0; i < m; i++) {
        boolean encoded = rows.isEncoded(i);
        GroupSparseNative.multiply(
            encoded,
            codes,
            scales,
            masks,
            starts,
            unit,
            groups,
            group,
            encoded ? rows.encoded() : x.segment(),
            encoded ? rows.at(i) : (long) i * x.stride(),
            y.segment(),
            (long) i * y.stride() + first,
            count);
      }
    }
  }

  @Override
  protected void release() {
    NativeLibrary.close(arena);
  }
}
