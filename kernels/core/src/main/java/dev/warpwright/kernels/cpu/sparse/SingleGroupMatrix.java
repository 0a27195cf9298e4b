package dev.warpwright.kernels.cpu.sparse;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.FMA;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MUL;
import static jdk.incubator.vector.VectorOperators.OR;
import static jdk.incubator.vector.VectorOperators.SUB;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Groups of one vector. */
final class SingleGroupMatrix extends GroupMatrix {
  private static final int SIZE = Lanes.COUNT;

  /** Groups of a block. */
  private static final int GROUPS = VECTORS;

  SingleGroupMatrix(HostDevice device, GroupSparseMatrix matrix) {
    super(device, matrix, SIZE);
  }

  @Override
  void multiplyOne(long block, int count, float[] x, int xFrom, float[] scratch) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment codes = this.codes;
    IntVector n0 = Lanes.nibble(0);
    IntVector n1 = Lanes.nibble(1);
    IntVector e0 = Lanes.exponent(0);
    IntVector e1 = Lanes.exponent(1);
    FloatVector z0 = Lanes.zero(0);
    FloatVector z1 = Lanes.zero(1);
    FloatVector a0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a1 = a0;
    long code = block * BLOCK;
    for (int b = 0; b < count; b++) {
      IntVector w = IntVector.fromMemorySegment(Lanes.INTS, codes, code, Lanes.ORDER);
      FloatVector w0 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w1 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k0 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b]);
      FloatVector s0 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b]);
      a0 =
          s0.lanewise(
              FMA, w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k0)), a0);
      int k1 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 1]);
      FloatVector s1 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 1]);
      a1 =
          s1.lanewise(
              FMA, w1.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k1)), a1);
      w = w.lanewise(LSHR, 8);
      FloatVector w2 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w3 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k2 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 2]);
      FloatVector s2 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 2]);
      a0 =
          s2.lanewise(
              FMA, w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k2)), a0);
      int k3 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 3]);
      FloatVector s3 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 3]);
      a1 =
          s3.lanewise(
              FMA, w3.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k3)), a1);
      w = w.lanewise(LSHR, 8);
      FloatVector w4 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w5 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k4 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 4]);
      FloatVector s4 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 4]);
      a0 =
          s4.lanewise(
              FMA, w4.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k4)), a0);
      int k5 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 5]);
      FloatVector s5 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 5]);
      a1 =
          s5.lanewise(
              FMA, w5.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k5)), a1);
      w = w.lanewise(LSHR, 8);
      FloatVector w6 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w7 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k6 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 6]);
      FloatVector s6 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 6]);
      a0 =
          s6.lanewise(
              FMA, w6.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k6)), a0);
      int k7 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 7]);
      FloatVector s7 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 7]);
      a1 =
          s7.lanewise(
              FMA, w7.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k7)), a1);
      code += BLOCK;
    }
    a0.add(a1).intoArray(scratch, SUMS);
  }

  @Override
  void multiplyFour(long block, int count, float[] x, int xFrom, int xStride, float[] scratch) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment codes = this.codes;
    IntVector n0 = Lanes.nibble(0);
    IntVector n1 = Lanes.nibble(1);
    IntVector e0 = Lanes.exponent(0);
    IntVector e1 = Lanes.exponent(1);
    FloatVector z0 = Lanes.zero(0);
    FloatVector z1 = Lanes.zero(1);
    int x1 = xFrom + xStride;
    int x2 = x1 + xStride;
    int x3 = x2 + xStride;
    FloatVector a0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a1 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector c0 = a0;
    FloatVector c1 = a0;
    FloatVector d0 = a0;
    FloatVector d1 = a0;
    long code = block * BLOCK;
    for (int b = 0; b < count; b++) {
      IntVector w = IntVector.fromMemorySegment(Lanes.INTS, codes, code, Lanes.ORDER);
      FloatVector w0 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w1 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k0 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b]);
      FloatVector s0 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b]);
      a0 =
          s0.lanewise(
              FMA, w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k0)), a0);
      b0 = s0.lanewise(FMA, w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k0)), b0);
      c0 = s0.lanewise(FMA, w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k0)), c0);
      d0 = s0.lanewise(FMA, w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k0)), d0);
      int k1 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 1]);
      FloatVector s1 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 1]);
      a1 =
          s1.lanewise(
              FMA, w1.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k1)), a1);
      b1 = s1.lanewise(FMA, w1.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k1)), b1);
      c1 = s1.lanewise(FMA, w1.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k1)), c1);
      d1 = s1.lanewise(FMA, w1.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k1)), d1);
      w = w.lanewise(LSHR, 8);
      FloatVector w2 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w3 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k2 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 2]);
      FloatVector s2 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 2]);
      a0 =
          s2.lanewise(
              FMA, w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k2)), a0);
      b0 = s2.lanewise(FMA, w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k2)), b0);
      c0 = s2.lanewise(FMA, w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k2)), c0);
      d0 = s2.lanewise(FMA, w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k2)), d0);
      int k3 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 3]);
      FloatVector s3 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 3]);
      a1 =
          s3.lanewise(
              FMA, w3.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k3)), a1);
      b1 = s3.lanewise(FMA, w3.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k3)), b1);
      c1 = s3.lanewise(FMA, w3.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k3)), c1);
      d1 = s3.lanewise(FMA, w3.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k3)), d1);
      w = w.lanewise(LSHR, 8);
      FloatVector w4 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w5 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k4 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 4]);
      FloatVector s4 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 4]);
      a0 =
          s4.lanewise(
              FMA, w4.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k4)), a0);
      b0 = s4.lanewise(FMA, w4.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k4)), b0);
      c0 = s4.lanewise(FMA, w4.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k4)), c0);
      d0 = s4.lanewise(FMA, w4.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k4)), d0);
      int k5 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 5]);
      FloatVector s5 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 5]);
      a1 =
          s5.lanewise(
              FMA, w5.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k5)), a1);
      b1 = s5.lanewise(FMA, w5.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k5)), b1);
      c1 = s5.lanewise(FMA, w5.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k5)), c1);
      d1 = s5.lanewise(FMA, w5.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k5)), d1);
      w = w.lanewise(LSHR, 8);
      FloatVector w6 = w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
      FloatVector w7 = w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
      int k6 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 6]);
      FloatVector s6 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 6]);
      a0 =
          s6.lanewise(
              FMA, w6.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k6)), a0);
      b0 = s6.lanewise(FMA, w6.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k6)), b0);
      c0 = s6.lanewise(FMA, w6.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k6)), c0);
      d0 = s6.lanewise(FMA, w6.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k6)), d0);
      int k7 = Float.floatToRawIntBits(scratch[OFFSETS + GROUPS * b + 7]);
      FloatVector s7 = FloatVector.broadcast(Lanes.FLOATS, scratch[GROUPS * b + 7]);
      a1 =
          s7.lanewise(
              FMA, w7.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k7)), a1);
      b1 = s7.lanewise(FMA, w7.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k7)), b1);
      c1 = s7.lanewise(FMA, w7.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k7)), c1);
      d1 = s7.lanewise(FMA, w7.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k7)), d1);
      code += BLOCK;
    }
    a0.add(a1).intoArray(scratch, SUMS);
    b0.add(b1).intoArray(scratch, SUMS + Lanes.COUNT);
    c0.add(c1).intoArray(scratch, SUMS + 2 * Lanes.COUNT);
    d0.add(d1).intoArray(scratch, SUMS + 3 * Lanes.COUNT);
  }
}
