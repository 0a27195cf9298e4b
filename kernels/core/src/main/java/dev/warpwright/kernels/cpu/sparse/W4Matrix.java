package dev.warpwright.kernels.cpu.sparse;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.FMA;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MUL;
import static jdk.incubator.vector.VectorOperators.OR;
import static jdk.incubator.vector.VectorOperators.SUB;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.QuantMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Symmetric 4-bit codes in tiles. A 16-bit lane holds four consecutive weights of its row, and a
 * 32-bit lane two rows: those of the first vector's lanes in the lower halves, those of the second
 * vector's in the upper ones, so that floats of a half have their rows in order. The F16 scales of
 * a group lie side by side in the same way.
 *
 * <p>The codes of a unit's two tiles are four streams, one a vector: a product with F32 rows reads
 * the two of its tile, one with {@link I8Rows} all four.
 */
final class W4Matrix extends TileMatrix {
  /** Columns of a word. */
  static final int WORD = 4;

  /** Vectors of words that hold a column of a tile. */
  static final int HALVES = VECTORS / 2;

  private final int words;
  private final MemorySegment codes;
  private final MemorySegment scales;

  W4Matrix(HostDevice device, QuantMatrix matrix) {
    int group = matrix.grouping().size();
    long weights = (tiles(matrix) + 1L) / 2 * UNIT * groups(matrix, group) * group;
    long codeBytes = weights / 2;
    long scaleBytes = weights / group * Short.BYTES;
    super(device, matrix, group, codeBytes + scaleBytes);
    words = group / WORD;
    codes = allocate(codeBytes);
    scales = allocate(scaleBytes);
    MemorySegment fromCodes = matrix.codes().segment();
    MemorySegment fromScales = matrix.scales().segment();
    long bytes = Lanes.INTS.vectorByteSize();
    for (int n = 0; n < rows(); n++) {
      int vector = n % TILE / Lanes.COUNT;
      long lane = n % Lanes.COUNT * 4L + vector % 2 * 2L;
      for (int g = 0; g < groups(); g++) {
        long from = (long) n * groups() + g;
        scales.set(
            ValueLayout.JAVA_SHORT,
            offset(n / TILE, g, HALVES) + vector / 2 * bytes + lane,
            fromScales.get(ValueLayout.JAVA_SHORT_UNALIGNED, from * Short.BYTES));
        long into = code(n / TILE, g) + vector / 2 * stream() + lane;
        for (int e = 0; e < words; e++) {
          codes.set(
              ValueLayout.JAVA_SHORT,
              into + e * bytes,
              fromCodes.get(ValueLayout.JAVA_SHORT_UNALIGNED, (from * words + e) * Short.BYTES));
        }
      }
    }
  }

  /** Bytes from a vector of codes to that of the next rows of the unit. */
  private long stream() {
    return codes.byteSize() / (2L * HALVES);
  }

  /** Byte offset of the first vector of codes of a group. */
  private long code(int tile, int number) {
    return tile % 2L * HALVES * stream() + offset(tile / 2, number, words);
  }

  @Override
  void multiply(int tile, float[] x, int xFrom, float[] out, int outFrom) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment codes = this.codes;
    MemorySegment scales = this.scales;
    long stream = stream();
    int words = this.words;
    int groups = groups();
    int lanes = Lanes.COUNT;
    long bytes = Lanes.INTS.vectorByteSize();
    IntVector n0 = Lanes.nibble(0);
    IntVector n1 = Lanes.nibble(1);
    IntVector e0 = Lanes.exponent(0);
    IntVector e1 = Lanes.exponent(1);
    FloatVector z0 = Lanes.zero(0);
    FloatVector z1 = Lanes.zero(1);
    IntVector f16Bits = Lanes.f16Bits();
    FloatVector f16Scale = Lanes.f16Scale();
    FloatVector zero = FloatVector.zero(Lanes.FLOATS);
    FloatVector y0 = zero;
    FloatVector y1 = zero;
    FloatVector y2 = zero;
    FloatVector y3 = zero;
    long code = code(tile, 0);
    long scale = offset(tile, 0, HALVES);
    int k = xFrom;
    for (int g = 0; g < groups; g++) {
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int e = 0; e < words; e++) {
        IntVector w0 = IntVector.fromMemorySegment(Lanes.INTS, codes, code, Lanes.ORDER);
        IntVector w2 = IntVector.fromMemorySegment(Lanes.INTS, codes, code + stream, Lanes.ORDER);
        IntVector w1 = w0.lanewise(LSHR, 16);
        IntVector w3 = w2.lanewise(LSHR, 16);
        code += bytes;
        for (int pair = 0; pair < WORD / 2; pair++) {
          FloatVector x0 = FloatVector.broadcast(Lanes.FLOATS, x[k++]);
          t0 =
              w0.lanewise(AND, n0)
                  .lanewise(OR, e0)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z0)
                  .lanewise(FMA, x0, t0);
          t1 =
              w1.lanewise(AND, n0)
                  .lanewise(OR, e0)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z0)
                  .lanewise(FMA, x0, t1);
          t2 =
              w2.lanewise(AND, n0)
                  .lanewise(OR, e0)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z0)
                  .lanewise(FMA, x0, t2);
          t3 =
              w3.lanewise(AND, n0)
                  .lanewise(OR, e0)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z0)
                  .lanewise(FMA, x0, t3);
          FloatVector x1 = FloatVector.broadcast(Lanes.FLOATS, x[k++]);
          t0 =
              w0.lanewise(AND, n1)
                  .lanewise(OR, e1)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z1)
                  .lanewise(FMA, x1, t0);
          t1 =
              w1.lanewise(AND, n1)
                  .lanewise(OR, e1)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z1)
                  .lanewise(FMA, x1, t1);
          t2 =
              w2.lanewise(AND, n1)
                  .lanewise(OR, e1)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z1)
                  .lanewise(FMA, x1, t2);
          t3 =
              w3.lanewise(AND, n1)
                  .lanewise(OR, e1)
                  .reinterpretAsFloats()
                  .lanewise(SUB, z1)
                  .lanewise(FMA, x1, t3);
          w0 = w0.lanewise(LSHR, 8);
          w1 = w1.lanewise(LSHR, 8);
          w2 = w2.lanewise(LSHR, 8);
          w3 = w3.lanewise(LSHR, 8);
        }
      }
      IntVector s0 = IntVector.fromMemorySegment(Lanes.INTS, scales, scale, Lanes.ORDER);
      IntVector s2 = IntVector.fromMemorySegment(Lanes.INTS, scales, scale + bytes, Lanes.ORDER);
      scale += HALVES * bytes;
      y0 =
          s0.lanewise(LSHL, 16)
              .lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t0, y0);
      y1 =
          s0.lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t1, y1);
      y2 =
          s2.lanewise(LSHL, 16)
              .lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t2, y2);
      y3 =
          s2.lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t3, y3);
    }
    y0.intoArray(out, outFrom);
    y1.intoArray(out, outFrom + lanes);
    y2.intoArray(out, outFrom + 2 * lanes);
    y3.intoArray(out, outFrom + 3 * lanes);
  }

  @Override
  void decode(int tile, int number, float[] into, int at, int scalesAt) {
    IntVector nibble = Lanes.nibble(0);
    IntVector exponent = Lanes.exponent(0);
    FloatVector zero = Lanes.zero(0);
    IntVector f16Bits = Lanes.f16Bits();
    FloatVector f16Scale = Lanes.f16Scale();
    long bytes = Lanes.INTS.vectorByteSize();
    for (int half = 0; half < HALVES; half++) {
      IntVector s =
          IntVector.fromMemorySegment(
              Lanes.INTS, scales, offset(tile, number, HALVES) + half * bytes, Lanes.ORDER);
      int lane = 2 * half * Lanes.COUNT;
      s.lanewise(LSHL, 16)
          .lanewise(ASHR, 3)
          .lanewise(AND, f16Bits)
          .reinterpretAsFloats()
          .lanewise(MUL, f16Scale)
          .intoArray(into, scalesAt + lane);
      s.lanewise(ASHR, 3)
          .lanewise(AND, f16Bits)
          .reinterpretAsFloats()
          .lanewise(MUL, f16Scale)
          .intoArray(into, scalesAt + lane + Lanes.COUNT);
      long code = code(tile, number) + half * stream();
      for (int e = 0; e < words; e++) {
        IntVector w = IntVector.fromMemorySegment(Lanes.INTS, codes, code + e * bytes, Lanes.ORDER);
        for (int j = 0; j < 2 * WORD; j++) {
          int column = at + (e * WORD + j % WORD) * TILE;
          w.lanewise(AND, nibble)
              .lanewise(OR, exponent)
              .reinterpretAsFloats()
              .lanewise(SUB, zero)
              .intoArray(into, column + lane + j / WORD * Lanes.COUNT);
          w = w.lanewise(LSHR, 4);
        }
      }
    }
  }

  @Override
  public void multiply(int fromUnit, int toUnit, int m, InputRows x, FloatRows y, float[] scratch) {
    I8Rows rounded = x.codes();
    if (rounded == null) {
      super.multiply(fromUnit, toUnit, m, x, y, scratch);
    } else {
      multiply(fromUnit, toUnit, m, rounded, y, scratch);
    }
  }

  private void multiply(int fromUnit, int toUnit, int m, I8Rows x, FloatRows y, float[] scratch) {
    for (int unit = fromUnit; unit < toUnit; unit++) {
      int first = firstRow(unit);
      int count = firstRow(unit + 1) - first;
      long code = code(2 * unit, 0);
      long scale = offset(2 * unit, 0, HALVES);
      for (int i = 0; i < m; i++) {
        W4I8Product.multiply(codes, code, stream(), scales, scale, x, i, scratch);
        System.arraycopy(scratch, 0, y.values(), i * y.stride() + first, count);
      }
    }
  }
}
