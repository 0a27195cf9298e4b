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
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Groups of two vectors. */
final class PairGroupMatrix extends GroupMatrix {
  private static final int SIZE = 2 * Lanes.COUNT;

  PairGroupMatrix(HostDevice device, GroupSparseMatrix matrix) {
    super(device, matrix, SIZE);
  }

  @Override
  void multiplyOne(long block, int count, float[] x, int xFrom, float[] scratch) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment codes = this.codes;
    MemorySegment indices = this.indices;
    IntVector n0 = Lanes.nibble(0);
    IntVector n1 = Lanes.nibble(1);
    IntVector e0 = Lanes.exponent(0);
    IntVector e1 = Lanes.exponent(1);
    FloatVector z0 = Lanes.zero(0);
    FloatVector z1 = Lanes.zero(1);
    FloatVector a0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a1 = a0;
    long group = block * perBlock;
    int scale = 0;
    for (int b = 0; b < count; b++) {
      IntVector w =
          IntVector.fromMemorySegment(Lanes.INTS, codes, (block + b) * BLOCK, Lanes.ORDER);
      for (int half = 0; half < 2; half++) {
        FloatVector w0 =
            w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
        FloatVector w1 =
            w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
        w = w.lanewise(LSHR, 8);
        int k0 = indices.getAtIndex(ValueLayout.JAVA_CHAR, group) * SIZE;
        FloatVector s0 = FloatVector.broadcast(Lanes.FLOATS, scratch[scale]);
        a0 =
            s0.lanewise(
                FMA,
                w1.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k0 + Lanes.COUNT),
                    w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k0))),
                a0);
        FloatVector w2 =
            w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
        FloatVector w3 =
            w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
        w = w.lanewise(LSHR, 8);
        int k1 = indices.getAtIndex(ValueLayout.JAVA_CHAR, group + 1) * SIZE;
        FloatVector s1 = FloatVector.broadcast(Lanes.FLOATS, scratch[scale + 1]);
        a1 =
            s1.lanewise(
                FMA,
                w3.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k1 + Lanes.COUNT),
                    w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k1))),
                a1);
        group += 2;
        scale += 2;
      }
    }
    a0.add(a1).intoArray(scratch, SUMS);
  }

  @Override
  void multiplyFour(long block, int count, float[] x, int xFrom, int xStride, float[] scratch) {
    // What is read from a field is checked anew after every access to memory.
    MemorySegment codes = this.codes;
    MemorySegment indices = this.indices;
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
    long group = block * perBlock;
    int scale = 0;
    for (int i = 0; i < count; i++) {
      IntVector w =
          IntVector.fromMemorySegment(Lanes.INTS, codes, (block + i) * BLOCK, Lanes.ORDER);
      for (int half = 0; half < 2; half++) {
        FloatVector w0 =
            w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
        FloatVector w1 =
            w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
        w = w.lanewise(LSHR, 8);
        int k0 = indices.getAtIndex(ValueLayout.JAVA_CHAR, group) * SIZE;
        FloatVector s0 = FloatVector.broadcast(Lanes.FLOATS, scratch[scale]);
        a0 =
            s0.lanewise(
                FMA,
                w1.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k0 + Lanes.COUNT),
                    w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k0))),
                a0);
        b0 =
            s0.lanewise(
                FMA,
                w1.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, x1 + k0 + Lanes.COUNT),
                    w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k0))),
                b0);
        c0 =
            s0.lanewise(
                FMA,
                w1.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, x2 + k0 + Lanes.COUNT),
                    w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k0))),
                c0);
        d0 =
            s0.lanewise(
                FMA,
                w1.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, x3 + k0 + Lanes.COUNT),
                    w0.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k0))),
                d0);
        FloatVector w2 =
            w.lanewise(AND, n0).lanewise(OR, e0).reinterpretAsFloats().lanewise(SUB, z0);
        FloatVector w3 =
            w.lanewise(AND, n1).lanewise(OR, e1).reinterpretAsFloats().lanewise(SUB, z1);
        w = w.lanewise(LSHR, 8);
        int k1 = indices.getAtIndex(ValueLayout.JAVA_CHAR, group + 1) * SIZE;
        FloatVector s1 = FloatVector.broadcast(Lanes.FLOATS, scratch[scale + 1]);
        a1 =
            s1.lanewise(
                FMA,
                w3.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k1 + Lanes.COUNT),
                    w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, xFrom + k1))),
                a1);
        b1 =
            s1.lanewise(
                FMA,
                w3.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, x1 + k1 + Lanes.COUNT),
                    w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x1 + k1))),
                b1);
        c1 =
            s1.lanewise(
                FMA,
                w3.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, x2 + k1 + Lanes.COUNT),
                    w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x2 + k1))),
                c1);
        d1 =
            s1.lanewise(
                FMA,
                w3.lanewise(
                    FMA,
                    FloatVector.fromArray(Lanes.FLOATS, x, x3 + k1 + Lanes.COUNT),
                    w2.lanewise(MUL, FloatVector.fromArray(Lanes.FLOATS, x, x3 + k1))),
                d1);
        group += 2;
        scale += 2;
      }
    }
    a0.add(a1).intoArray(scratch, SUMS);
    b0.add(b1).intoArray(scratch, SUMS + Lanes.COUNT);
    c0.add(c1).intoArray(scratch, SUMS + 2 * Lanes.COUNT);
    d0.add(d1).intoArray(scratch, SUMS + 3 * Lanes.COUNT);
  }
}
