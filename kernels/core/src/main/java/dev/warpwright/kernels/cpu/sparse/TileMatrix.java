package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HugePages;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * A dense matrix in tiles of {@link #TILE} rows: weights of one column side by side, so that a lane
 * is an output row and nothing is ever summed across lanes. In all but {@link W4Matrix} the first
 * vectors of all tiles lie one after the other, and then all second ones: four streams of addresses
 * are read at the same time, at more than twice the speed of one.
 *
 * <p>Columns form groups. The products of a group are added with fused multiply-adds in the order
 * of columns, and each group's sum, times its scale, to the output in the order of groups. Up to
 * three rows of x are multiplied while the weights are decoded; for more rows a group is decoded
 * once into a panel. Both add in the same order and give the same bits.
 */
abstract class TileMatrix extends VectorMatrix {
  /** Vectors of a column, whose sums are independent of one another. */
  static final int VECTORS = 4;

  /** Rows of a tile. */
  static final int TILE = VECTORS * Lanes.COUNT;

  /** Rows of a unit: two tiles, for kernels that share what they load of x. */
  static final int UNIT = 2 * TILE;

  /** From this many rows of x on, a panel is worth being written. */
  private static final int PANEL_ROWS = 4;

  /** Most rows of x that one panel serves: their sums stay in the first cache levels. */
  private static final int BLOCK_ROWS = 64;

  /** Places in the scratch memory, behind the sums of a block of rows. */
  private static final int SCALES = BLOCK_ROWS * TILE;

  private static final int PRODUCTS = SCALES + TILE;
  private static final int PANEL = PRODUCTS + 4 * TILE;

  private final Arena arena = Arena.ofShared();
  private final int group;
  private final int groups;

  /**
   * A matrix whose groups have {@code group} columns.
   *
   * @param bytes memory that the subclass allocates
   */
  TileMatrix(HostDevice device, WeightMatrix matrix, int group, long bytes) {
    super(device, matrix, bytes);
    this.group = group;
    this.groups = groups(matrix, group);
  }

  static int tiles(WeightMatrix matrix) {
    return (matrix.rows() + TILE - 1) / TILE;
  }

  static int groups(WeightMatrix matrix, int group) {
    return (matrix.columns() + group - 1) / group;
  }

  /** Zeroed memory that lives as long as the matrix. */
  final MemorySegment allocate(long bytes) {
    MemorySegment memory = arena.allocate(bytes, 64);
    HugePages.advise(memory);
    return memory;
  }

  /**
   * Byte offset of the first vector of a group.
   *
   * @param vectors vectors that hold one lane's weights of a group
   */
  final long offset(int tile, int number, int vectors) {
    return ((long) tile * groups + number) * vectors * Lanes.INTS.vectorByteSize();
  }

  /** Groups of a row. */
  final int groups() {
    return groups;
  }

  @Override
  public final int units() {
    return (rows() + UNIT - 1) / UNIT;
  }

  @Override
  public final int firstRow(int unit) {
    return (int) Math.min((long) unit * UNIT, rows());
  }

  @Override
  public void multiply(int fromUnit, int toUnit, int m, InputRows x, FloatRows y, float[] scratch) {
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
    int end = firstRow(toUnit);
    for (int first = firstRow(fromUnit); first < end; first += TILE) {
      int tile = first / TILE;
      int count = Math.min(TILE, end - first);
      for (int from = 0; from < m; from += BLOCK_ROWS) {
        int block = Math.min(BLOCK_ROWS, m - from);
        int xBlock = from * xStride;
        if (block < PANEL_ROWS) {
          for (int i = 0; i < block; i++) {
            multiply(tile, x, xBlock + i * xStride, scratch, i * TILE);
          }
        } else {
          multiplyPanels(tile, block, x, xBlock, xStride, scratch);
        }
        for (int i = 0; i < block; i++) {
          System.arraycopy(scratch, i * TILE, y, (from + i) * yStride + first, count);
        }
      }
    }
  }

  /** Products of one tile with one row of x, to {@code out[outFrom … outFrom + TILE − 1]}. */
  abstract void multiply(int tile, float[] x, int xFrom, float[] out, int outFrom);

  /**
   * Decodes one group of a tile.
   *
   * @param into receives {@code [columns of the group, TILE]} weights before scaling
   * @param at where
   * @param scales where the scales of the rows go in {@code into}; ones if not written
   */
  abstract void decode(int tile, int number, float[] into, int at, int scales);

  private void multiplyPanels(int tile, int m, float[] x, int xFrom, int xStride, float[] scratch) {
    Arrays.fill(scratch, 0, m * TILE, 0f);
    Arrays.fill(scratch, SCALES, SCALES + TILE, 1f);
    for (int g = 0; g < groups; g++) {
      decode(tile, g, scratch, PANEL, SCALES);
      int xGroup = xFrom + g * group;
      int i = 0;
      for (; i + 4 <= m; i += 4) {
        addFour(x, xGroup + i * xStride, xStride, scratch, i * TILE);
      }
      for (; i < m; i++) {
        addOne(x, xGroup + i * xStride, scratch, i * TILE);
      }
    }
  }

  private void addOne(float[] x, int xFrom, float[] scratch, int sums) {
    for (int lane = 0; lane < TILE; lane += Lanes.COUNT) {
      FloatVector t = FloatVector.zero(Lanes.FLOATS);
      for (int k = 0; k < group; k++) {
        FloatVector w = FloatVector.fromArray(Lanes.FLOATS, scratch, PANEL + k * TILE + lane);
        t = w.fma(FloatVector.broadcast(Lanes.FLOATS, x[xFrom + k]), t);
      }
      t.intoArray(scratch, PRODUCTS + lane);
    }
    addProducts(1, scratch, sums);
  }

  /** Adds the products of a group, times its scales, to the sums of {@code m} rows of x. */
  private static void addProducts(int m, float[] scratch, int sums) {
    for (int i = 0; i < m * TILE; i += Lanes.COUNT) {
      FloatVector t = FloatVector.fromArray(Lanes.FLOATS, scratch, PRODUCTS + i);
      FloatVector s = FloatVector.fromArray(Lanes.FLOATS, scratch, SCALES + i % TILE);
      t.fma(s, FloatVector.fromArray(Lanes.FLOATS, scratch, sums + i)).intoArray(scratch, sums + i);
    }
  }

  /** Four rows of x by four vectors of weights: sixteen sums in registers. */
  private void addFour(float[] x, int xFrom, int xStride, float[] scratch, int sums) {
    int lanes = Lanes.COUNT;
    FloatVector a0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    FloatVector c0 = a0;
    FloatVector c1 = a0;
    FloatVector c2 = a0;
    FloatVector c3 = a0;
    FloatVector d0 = a0;
    FloatVector d1 = a0;
    FloatVector d2 = a0;
    FloatVector d3 = a0;
    for (int k = 0; k < group; k++) {
      int at = PANEL + k * TILE;
      FloatVector w0 = FloatVector.fromArray(Lanes.FLOATS, scratch, at);
      FloatVector w1 = FloatVector.fromArray(Lanes.FLOATS, scratch, at + lanes);
      FloatVector w2 = FloatVector.fromArray(Lanes.FLOATS, scratch, at + 2 * lanes);
      FloatVector w3 = FloatVector.fromArray(Lanes.FLOATS, scratch, at + 3 * lanes);
      FloatVector xa = FloatVector.broadcast(Lanes.FLOATS, x[xFrom + k]);
      a0 = w0.fma(xa, a0);
      a1 = w1.fma(xa, a1);
      a2 = w2.fma(xa, a2);
      a3 = w3.fma(xa, a3);
      FloatVector xb = FloatVector.broadcast(Lanes.FLOATS, x[xFrom + xStride + k]);
      b0 = w0.fma(xb, b0);
      b1 = w1.fma(xb, b1);
      b2 = w2.fma(xb, b2);
      b3 = w3.fma(xb, b3);
      FloatVector xc = FloatVector.broadcast(Lanes.FLOATS, x[xFrom + 2 * xStride + k]);
      c0 = w0.fma(xc, c0);
      c1 = w1.fma(xc, c1);
      c2 = w2.fma(xc, c2);
      c3 = w3.fma(xc, c3);
      FloatVector xd = FloatVector.broadcast(Lanes.FLOATS, x[xFrom + 3 * xStride + k]);
      d0 = w0.fma(xd, d0);
      d1 = w1.fma(xd, d1);
      d2 = w2.fma(xd, d2);
      d3 = w3.fma(xd, d3);
    }
    a0.intoArray(scratch, PRODUCTS);
    a1.intoArray(scratch, PRODUCTS + lanes);
    a2.intoArray(scratch, PRODUCTS + 2 * lanes);
    a3.intoArray(scratch, PRODUCTS + 3 * lanes);
    b0.intoArray(scratch, PRODUCTS + TILE);
    b1.intoArray(scratch, PRODUCTS + TILE + lanes);
    b2.intoArray(scratch, PRODUCTS + TILE + 2 * lanes);
    b3.intoArray(scratch, PRODUCTS + TILE + 3 * lanes);
    c0.intoArray(scratch, PRODUCTS + 2 * TILE);
    c1.intoArray(scratch, PRODUCTS + 2 * TILE + lanes);
    c2.intoArray(scratch, PRODUCTS + 2 * TILE + 2 * lanes);
    c3.intoArray(scratch, PRODUCTS + 2 * TILE + 3 * lanes);
    d0.intoArray(scratch, PRODUCTS + 3 * TILE);
    d1.intoArray(scratch, PRODUCTS + 3 * TILE + lanes);
    d2.intoArray(scratch, PRODUCTS + 3 * TILE + 2 * lanes);
    d3.intoArray(scratch, PRODUCTS + 3 * TILE + 3 * lanes);
    addProducts(4, scratch, sums);
  }

  @Override
  protected void release() {
    arena.close();
  }
}
