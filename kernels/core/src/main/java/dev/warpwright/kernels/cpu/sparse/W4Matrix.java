package dev.warpwright.kernels.cpu.sparse;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.FMA;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MUL;
import static jdk.incubator.vector.VectorOperators.OR;
import static jdk.incubator.vector.VectorOperators.S2I;
import static jdk.incubator.vector.VectorOperators.SUB;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.QuantMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Symmetric 4-bit codes in tiles. A 32-bit lane holds eight consecutive weights of its row, as the
 * canonical format does; the F16 scales of a group lie side by side in the order of rows.
 */
final class W4Matrix extends TileMatrix {
  private static final int WORD = 8;

  private final int words;
  private final MemorySegment codes;

  /** Bytes from a vector of codes to that of the next rows. */
  private final long stream;

  private final MemorySegment scales;

  W4Matrix(HostDevice device, QuantMatrix matrix) {
    int group = matrix.grouping().size();
    long all = (long) tiles(matrix) * groups(matrix, group);
    long codeBytes = all * group / WORD * TILE * Integer.BYTES;
    long scaleBytes = all * TILE * Short.BYTES;
    super(device, matrix, group, codeBytes + scaleBytes);
    words = group / WORD;
    codes = allocate(codeBytes);
    stream = codeBytes / VECTORS;
    scales = allocate(scaleBytes);
    MemorySegment fromCodes = matrix.codes().segment();
    MemorySegment fromScales = matrix.scales().segment();
    for (int n = 0; n < rows(); n++) {
      int lane = n % TILE;
      long rows = lane / Lanes.COUNT * stream + lane % Lanes.COUNT * Integer.BYTES;
      for (int g = 0; g < groups(); g++) {
        long from = (long) n * groups() + g;
        long into = (long) (n / TILE) * groups() + g;
        scales.set(
            ValueLayout.JAVA_SHORT,
            (into * TILE + lane) * Short.BYTES,
            fromScales.get(ValueLayout.JAVA_SHORT_UNALIGNED, from * Short.BYTES));
        for (int e = 0; e < words; e++) {
          codes.set(
              ValueLayout.JAVA_INT,
              rows + (into * words + e) * Lanes.COUNT * Integer.BYTES,
              fromCodes.get(ValueLayout.JAVA_INT_UNALIGNED, (from * words + e) * Integer.BYTES));
        }
      }
    }
  }

  @Override
  void multiply(int tile, float[] x, int xFrom, float[] out, int outFrom) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment codes = this.codes;
    long s1 = stream;
    long s2 = 2 * s1;
    long s3 = 3 * s1;
    MemorySegment scales = this.scales;
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
    long code = offset(tile, 0, words);
    long scale = (long) tile * groups * 2 * bytes;
    int k = xFrom;
    for (int g = 0; g < groups; g++) {
      FloatVector t0 = zero;
      FloatVector t1 = zero;
      FloatVector t2 = zero;
      FloatVector t3 = zero;
      for (int e = 0; e < words; e++) {
        IntVector w0 = IntVector.fromMemorySegment(Lanes.INTS, codes, code, Lanes.ORDER);
        IntVector w1 = IntVector.fromMemorySegment(Lanes.INTS, codes, code + s1, Lanes.ORDER);
        IntVector w2 = IntVector.fromMemorySegment(Lanes.INTS, codes, code + s2, Lanes.ORDER);
        IntVector w3 = IntVector.fromMemorySegment(Lanes.INTS, codes, code + s3, Lanes.ORDER);
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
      IntVector f0 =
          (IntVector)
              ShortVector.fromMemorySegment(Lanes.SHORTS, scales, scale, Lanes.ORDER)
                  .convertShape(S2I, Lanes.INTS, 0);
      y0 =
          f0.lanewise(LSHL, 13)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t0, y0);
      IntVector f1 =
          (IntVector)
              ShortVector.fromMemorySegment(Lanes.SHORTS, scales, scale + bytes / 2, Lanes.ORDER)
                  .convertShape(S2I, Lanes.INTS, 0);
      y1 =
          f1.lanewise(LSHL, 13)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t1, y1);
      IntVector f2 =
          (IntVector)
              ShortVector.fromMemorySegment(
                      Lanes.SHORTS, scales, scale + 2 * bytes / 2, Lanes.ORDER)
                  .convertShape(S2I, Lanes.INTS, 0);
      y2 =
          f2.lanewise(LSHL, 13)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t2, y2);
      IntVector f3 =
          (IntVector)
              ShortVector.fromMemorySegment(
                      Lanes.SHORTS, scales, scale + 3 * bytes / 2, Lanes.ORDER)
                  .convertShape(S2I, Lanes.INTS, 0);
      y3 =
          f3.lanewise(LSHL, 13)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(FMA, t3, y3);
      scale += 2 * bytes;
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
    long group = (long) tile * groups() + number;
    for (int lane = 0; lane < TILE; lane += Lanes.COUNT) {
      long scale = (group * TILE + lane) * Short.BYTES;
      IntVector s =
          (IntVector)
              ShortVector.fromMemorySegment(Lanes.SHORTS, scales, scale, Lanes.ORDER)
                  .convertShape(S2I, Lanes.INTS, 0);
      s.lanewise(LSHL, 13)
          .lanewise(AND, f16Bits)
          .reinterpretAsFloats()
          .lanewise(MUL, f16Scale)
          .intoArray(into, scalesAt + lane);
      for (int e = 0; e < words; e++) {
        long code = lane / Lanes.COUNT * stream + (group * words + e) * Lanes.COUNT * Integer.BYTES;
        IntVector w = IntVector.fromMemorySegment(Lanes.INTS, codes, code, Lanes.ORDER);
        for (int j = 0; j < WORD; j++) {
          w.lanewise(AND, nibble)
              .lanewise(OR, exponent)
              .reinterpretAsFloats()
              .lanewise(SUB, zero)
              .intoArray(into, at + (e * WORD + j) * TILE + lane);
          w = w.lanewise(LSHR, 4);
        }
      }
    }
  }
}
