package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HugePages;
import dev.warpwright.kernels.cpu.NativeLibrary;
import dev.warpwright.kernels.sparse.QuantMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Symmetric 4-bit codes for the byte dot products of {@code w4_matmul_avx512.c}, in the layout of
 * {@code warpwright_cpu.h}: tiles of 16 rows, a row a lane. The tiles of a unit are four streams of
 * addresses, which are read faster than one.
 */
final class NativeW4Matrix extends VectorMatrix {
  private static final int LANES = 16;
  private static final int TILES = 4;

  /** Rows of a unit. */
  private static final int UNIT = TILES * LANES;

  private final Arena arena = Arena.ofShared();
  private final int group;
  private final int groups;
  private final long stride;
  private final MemorySegment codes;
  private final MemorySegment scales;

  NativeW4Matrix(HostDevice device, QuantMatrix matrix) {
    int group = matrix.grouping().size();
    int groups = matrix.grouping().groups(matrix.columns());
    long unitGroups = (matrix.rows() + UNIT - 1L) / UNIT * groups;
    long codeBytes = unitGroups * UNIT * group / 2;
    long scaleBytes = unitGroups * UNIT * Short.BYTES;
    super(device, matrix, codeBytes + scaleBytes);
    this.group = group;
    this.groups = groups;
    stride = codeBytes / TILES;
    codes = allocate(codeBytes);
    scales = allocate(scaleBytes);
    for (int n = 0; n < rows(); n++) {
      fill(matrix, n);
    }
  }

  private MemorySegment allocate(long bytes) {
    MemorySegment memory = arena.allocate(bytes, 64);
    HugePages.advise(memory);
    return memory;
  }

  private void fill(QuantMatrix matrix, int row) {
    MemorySegment fromCodes = matrix.codes().segment();
    MemorySegment fromScales = matrix.scales().segment();
    int tile = row % UNIT / LANES;
    int lane = row % LANES;
    for (int g = 0; g < groups; g++) {
      long from = (long) row * groups + g;
      long into = (long) (row / UNIT) * groups + g;
      scales.set(
          ValueLayout.JAVA_SHORT,
          ((into * TILES + tile) * LANES + lane) * Short.BYTES,
          fromScales.get(ValueLayout.JAVA_SHORT_UNALIGNED, from * Short.BYTES));
      W4Lanes.copy(
          fromCodes,
          from * group / 2,
          group,
          codes,
          tile * stride + into * LANES * group / 2,
          lane);
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
        long yAt = (long) i * y.stride() + first;
        if (rows.isEncoded(i)) {
          W4Native.multiply(
              codes,
              stride,
              scales,
              unit,
              groups,
              group,
              rows.digits(),
              rows.encoded(),
              rows.at(i),
              y.segment(),
              yAt,
              count);
        } else {
          W4Native.multiplyFloats(
              codes,
              stride,
              scales,
              unit,
              groups,
              group,
              x.segment(),
              (long) i * x.stride(),
              y.segment(),
              yAt,
              count);
        }
      }
    }
  }

  @Override
  protected void release() {
    NativeLibrary.close(arena);
  }
}
