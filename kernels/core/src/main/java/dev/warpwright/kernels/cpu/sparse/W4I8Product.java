package dev.warpwright.kernels.cpu.sparse;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.FMA;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MUL;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/** Products of a {@link W4Matrix} with {@link I8Rows}. */
final class W4I8Product {
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, Lanes.INTS.vectorShape());

  private W4I8Product() {}

  /**
   * Products of one unit with one row of x, to {@code out}.
   *
   * @param code byte offset of the unit's first vector of codes
   * @param stream bytes from a vector of codes to that of the next rows
   * @param scale byte offset of the unit's first vector of scales
   */
  static void multiply(
      MemorySegment codes,
      long code,
      long stream,
      MemorySegment scales,
      long scale,
      I8Rows x,
      int row,
      float[] out) {
    int lanes = Lanes.COUNT;
    long bytes = Lanes.INTS.vectorByteSize();
    long stream2 = 2 * stream;
    long stream3 = 3 * stream;
    long nextTile = (long) x.groups * W4Matrix.HALVES * bytes;
    IntVector f16Bits = Lanes.f16Bits();
    FloatVector f16Scale = Lanes.f16Scale();
    FloatVector y0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector y1 = y0;
    FloatVector y2 = y0;
    FloatVector y3 = y0;
    FloatVector y4 = y0;
    FloatVector y5 = y0;
    FloatVector y6 = y0;
    FloatVector y7 = y0;
    int[] factors = x.factors;
    int[] starts = x.starts;
    float[] xScales = x.scales;
    int words = x.run / W4Matrix.WORD;
    int splitLog = Integer.numberOfTrailingZeros(x.split);
    int runs = x.groups << splitLog;
    int group = row * x.groups;
    int start = row * runs;
    int k = start * x.run;
    for (int r = 0; r < runs; r++) {
      ShortVector c0 = IntVector.broadcast(Lanes.INTS, starts[start + r]).reinterpretAsShorts();
      ShortVector c1 = c0;
      ShortVector c2 = c0;
      ShortVector c3 = c0;
      for (int e = 0; e < words; e++) {
        ShortVector w0 = ShortVector.fromMemorySegment(SHORTS, codes, code, Lanes.ORDER);
        ShortVector w1 = ShortVector.fromMemorySegment(SHORTS, codes, code + stream, Lanes.ORDER);
        ShortVector w2 = ShortVector.fromMemorySegment(SHORTS, codes, code + stream2, Lanes.ORDER);
        ShortVector w3 = ShortVector.fromMemorySegment(SHORTS, codes, code + stream3, Lanes.ORDER);
        code += bytes;
        ShortVector f0 = IntVector.broadcast(Lanes.INTS, factors[k]).reinterpretAsShorts();
        c0 = c0.add(w0.mul(f0));
        c1 = c1.add(w1.mul(f0));
        c2 = c2.add(w2.mul(f0));
        c3 = c3.add(w3.mul(f0));
        ShortVector f1 = IntVector.broadcast(Lanes.INTS, factors[k + 1]).reinterpretAsShorts();
        c0 = c0.add(w0.lanewise(LSHR, 4).mul(f1));
        c1 = c1.add(w1.lanewise(LSHR, 4).mul(f1));
        c2 = c2.add(w2.lanewise(LSHR, 4).mul(f1));
        c3 = c3.add(w3.lanewise(LSHR, 4).mul(f1));
        ShortVector f2 = IntVector.broadcast(Lanes.INTS, factors[k + 2]).reinterpretAsShorts();
        c0 = c0.add(w0.lanewise(LSHR, 8).mul(f2));
        c1 = c1.add(w1.lanewise(LSHR, 8).mul(f2));
        c2 = c2.add(w2.lanewise(LSHR, 8).mul(f2));
        c3 = c3.add(w3.lanewise(LSHR, 8).mul(f2));
        ShortVector f3 = IntVector.broadcast(Lanes.INTS, factors[k + 3]).reinterpretAsShorts();
        c0 = c0.add(w0.lanewise(LSHR, 12).mul(f3));
        c1 = c1.add(w1.lanewise(LSHR, 12).mul(f3));
        c2 = c2.add(w2.lanewise(LSHR, 12).mul(f3));
        c3 = c3.add(w3.lanewise(LSHR, 12).mul(f3));
        k += W4Matrix.WORD;
      }
      FloatVector d = FloatVector.broadcast(Lanes.FLOATS, xScales[group + (r >> splitLog)]);
      long at = scale + (long) (r >> splitLog) * W4Matrix.HALVES * bytes;
      IntVector s0 = IntVector.fromMemorySegment(Lanes.INTS, scales, at, Lanes.ORDER);
      IntVector s2 = IntVector.fromMemorySegment(Lanes.INTS, scales, at + bytes, Lanes.ORDER);
      IntVector s4 = IntVector.fromMemorySegment(Lanes.INTS, scales, at + nextTile, Lanes.ORDER);
      IntVector s6 =
          IntVector.fromMemorySegment(Lanes.INTS, scales, at + nextTile + bytes, Lanes.ORDER);
      IntVector t0 = c0.reinterpretAsInts();
      IntVector t2 = c1.reinterpretAsInts();
      IntVector t4 = c2.reinterpretAsInts();
      IntVector t6 = c3.reinterpretAsInts();
      y0 =
          s0.lanewise(LSHL, 16)
              .lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t0.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0), y0);
      y1 =
          s0.lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t0.lanewise(ASHR, 16).convert(I2F, 0), y1);
      y2 =
          s2.lanewise(LSHL, 16)
              .lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t2.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0), y2);
      y3 =
          s2.lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t2.lanewise(ASHR, 16).convert(I2F, 0), y3);
      y4 =
          s4.lanewise(LSHL, 16)
              .lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t4.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0), y4);
      y5 =
          s4.lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t4.lanewise(ASHR, 16).convert(I2F, 0), y5);
      y6 =
          s6.lanewise(LSHL, 16)
              .lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t6.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0), y6);
      y7 =
          s6.lanewise(ASHR, 3)
              .lanewise(AND, f16Bits)
              .reinterpretAsFloats()
              .lanewise(MUL, f16Scale)
              .lanewise(MUL, d)
              .lanewise(FMA, t6.lanewise(ASHR, 16).convert(I2F, 0), y7);
    }
    y0.intoArray(out, 0);
    y1.intoArray(out, lanes);
    y2.intoArray(out, 2 * lanes);
    y3.intoArray(out, 3 * lanes);
    y4.intoArray(out, 4 * lanes);
    y5.intoArray(out, 5 * lanes);
    y6.intoArray(out, 6 * lanes);
    y7.intoArray(out, 7 * lanes);
  }
}
