package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Loops over slots of two-byte elements, two a word. An element is read by a shift of its bits into
 * those of a float: an instruction less than a conversion that the Vector API has no name for.
 *
 * <p>The loops are unrolled by hand: helper methods would not be inlined here.
 */
abstract class SlotKernelsHalves extends SlotKernels {
  private static final VectorSpecies<Float> F = Lanes.F;
  private static final VectorSpecies<Integer> I = Lanes.I;
  private static final ByteOrder ORDER = Lanes.ORDER;

  private final int shift;
  private final int mask;
  private final int infinity;

  /**
   * Elements whose bits, at the top of a word, are those of a float after a shift.
   *
   * @param shift to the right, with the sign
   * @param mask what is kept of the float
   * @param infinity the bits of an infinity at the top of a word
   */
  SlotKernelsHalves(int shift, int mask, int infinity) {
    this.shift = shift;
    this.mask = mask;
    this.infinity = infinity;
  }

  // A vector of words gives a vector of even elements, then one of odd elements.
  @Override
  final int sumAt(int dim) {
    int inPair = dim % (2 * Lanes.COUNT);
    return dim - inPair + inPair % 2 * Lanes.COUNT + inPair / 2;
  }

  @Override
  final boolean areFinite(int[] words, int count) {
    int most = 0;
    for (int i = 0; i < count; i++) {
      most = Math.max(most, Math.max(words[i] & 0x7fff0000, words[i] << 16 & 0x7fff0000));
    }
    return most < infinity;
  }

  @Override
  final void addProducts(
      MemorySegment keys,
      long[] blocks,
      int block,
      int from,
      int to,
      float[] q,
      int qAt,
      float[] scores) {
    for (int lane = 0; lane < Lanes.BLOCK; lane += Lanes.COUNT) {
      long block0 = blocks[block + 0] + 4L * lane;
      long block1 = blocks[block + 1] + 4L * lane;
      long block2 = blocks[block + 2] + 4L * lane;
      long block3 = blocks[block + 3] + 4L * lane;
      int at = block * Lanes.BLOCK + lane;
      FloatVector a0 = FloatVector.fromArray(F, scores, at);
      FloatVector a1 = FloatVector.fromArray(F, scores, at + CHUNK);
      FloatVector a2 = FloatVector.fromArray(F, scores, at + 2 * CHUNK);
      FloatVector a3 = FloatVector.fromArray(F, scores, at + 3 * CHUNK);
      FloatVector b0 = FloatVector.fromArray(F, scores, at + Lanes.BLOCK);
      FloatVector b1 = FloatVector.fromArray(F, scores, at + Lanes.BLOCK + CHUNK);
      FloatVector b2 = FloatVector.fromArray(F, scores, at + Lanes.BLOCK + 2 * CHUNK);
      FloatVector b3 = FloatVector.fromArray(F, scores, at + Lanes.BLOCK + 3 * CHUNK);
      FloatVector c0 = FloatVector.fromArray(F, scores, at + 2 * Lanes.BLOCK);
      FloatVector c1 = FloatVector.fromArray(F, scores, at + 2 * Lanes.BLOCK + CHUNK);
      FloatVector c2 = FloatVector.fromArray(F, scores, at + 2 * Lanes.BLOCK + 2 * CHUNK);
      FloatVector c3 = FloatVector.fromArray(F, scores, at + 2 * Lanes.BLOCK + 3 * CHUNK);
      FloatVector d0 = FloatVector.fromArray(F, scores, at + 3 * Lanes.BLOCK);
      FloatVector d1 = FloatVector.fromArray(F, scores, at + 3 * Lanes.BLOCK + CHUNK);
      FloatVector d2 = FloatVector.fromArray(F, scores, at + 3 * Lanes.BLOCK + 2 * CHUNK);
      FloatVector d3 = FloatVector.fromArray(F, scores, at + 3 * Lanes.BLOCK + 3 * CHUNK);
      for (int dim = from; dim < to; dim += 2) {
        long word = 32L * dim;
        IntVector x0 = IntVector.fromMemorySegment(I, keys, block0 + word, ORDER);
        IntVector x1 = IntVector.fromMemorySegment(I, keys, block1 + word, ORDER);
        IntVector x2 = IntVector.fromMemorySegment(I, keys, block2 + word, ORDER);
        IntVector x3 = IntVector.fromMemorySegment(I, keys, block3 + word, ORDER);
        FloatVector q0 = FloatVector.broadcast(F, q[qAt + 4 * dim]);
        FloatVector q1 = FloatVector.broadcast(F, q[qAt + 4 * dim + 1]);
        FloatVector q2 = FloatVector.broadcast(F, q[qAt + 4 * dim + 2]);
        FloatVector q3 = FloatVector.broadcast(F, q[qAt + 4 * dim + 3]);
        FloatVector k0 =
            x0.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, shift)
                .and(mask)
                .reinterpretAsFloats();
        a0 = k0.fma(q0, a0);
        a1 = k0.fma(q1, a1);
        a2 = k0.fma(q2, a2);
        a3 = k0.fma(q3, a3);
        FloatVector k1 =
            x1.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, shift)
                .and(mask)
                .reinterpretAsFloats();
        b0 = k1.fma(q0, b0);
        b1 = k1.fma(q1, b1);
        b2 = k1.fma(q2, b2);
        b3 = k1.fma(q3, b3);
        FloatVector k2 =
            x2.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, shift)
                .and(mask)
                .reinterpretAsFloats();
        c0 = k2.fma(q0, c0);
        c1 = k2.fma(q1, c1);
        c2 = k2.fma(q2, c2);
        c3 = k2.fma(q3, c3);
        FloatVector k3 =
            x3.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, shift)
                .and(mask)
                .reinterpretAsFloats();
        d0 = k3.fma(q0, d0);
        d1 = k3.fma(q1, d1);
        d2 = k3.fma(q2, d2);
        d3 = k3.fma(q3, d3);
        FloatVector r0 = FloatVector.broadcast(F, q[qAt + 4 * dim + 4]);
        FloatVector r1 = FloatVector.broadcast(F, q[qAt + 4 * dim + 5]);
        FloatVector r2 = FloatVector.broadcast(F, q[qAt + 4 * dim + 6]);
        FloatVector r3 = FloatVector.broadcast(F, q[qAt + 4 * dim + 7]);
        FloatVector l0 = x0.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats();
        a0 = l0.fma(r0, a0);
        a1 = l0.fma(r1, a1);
        a2 = l0.fma(r2, a2);
        a3 = l0.fma(r3, a3);
        FloatVector l1 = x1.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats();
        b0 = l1.fma(r0, b0);
        b1 = l1.fma(r1, b1);
        b2 = l1.fma(r2, b2);
        b3 = l1.fma(r3, b3);
        FloatVector l2 = x2.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats();
        c0 = l2.fma(r0, c0);
        c1 = l2.fma(r1, c1);
        c2 = l2.fma(r2, c2);
        c3 = l2.fma(r3, c3);
        FloatVector l3 = x3.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats();
        d0 = l3.fma(r0, d0);
        d1 = l3.fma(r1, d1);
        d2 = l3.fma(r2, d2);
        d3 = l3.fma(r3, d3);
      }
      a0.intoArray(scores, at);
      a1.intoArray(scores, at + CHUNK);
      a2.intoArray(scores, at + 2 * CHUNK);
      a3.intoArray(scores, at + 3 * CHUNK);
      b0.intoArray(scores, at + Lanes.BLOCK);
      b1.intoArray(scores, at + Lanes.BLOCK + CHUNK);
      b2.intoArray(scores, at + Lanes.BLOCK + 2 * CHUNK);
      b3.intoArray(scores, at + Lanes.BLOCK + 3 * CHUNK);
      c0.intoArray(scores, at + 2 * Lanes.BLOCK);
      c1.intoArray(scores, at + 2 * Lanes.BLOCK + CHUNK);
      c2.intoArray(scores, at + 2 * Lanes.BLOCK + 2 * CHUNK);
      c3.intoArray(scores, at + 2 * Lanes.BLOCK + 3 * CHUNK);
      d0.intoArray(scores, at + 3 * Lanes.BLOCK);
      d1.intoArray(scores, at + 3 * Lanes.BLOCK + CHUNK);
      d2.intoArray(scores, at + 3 * Lanes.BLOCK + 2 * CHUNK);
      d3.intoArray(scores, at + 3 * Lanes.BLOCK + 3 * CHUNK);
    }
  }

  @Override
  final void addFour(
      MemorySegment values,
      long[] rows,
      int[] slots,
      int from,
      int to,
      int dim,
      int paddedDim,
      float[] weights,
      float[] out,
      int at) {
    FloatVector o00 = FloatVector.fromArray(F, out, at);
    FloatVector o01 = FloatVector.fromArray(F, out, at + Lanes.COUNT);
    FloatVector o02 = FloatVector.fromArray(F, out, at + 2 * Lanes.COUNT);
    FloatVector o03 = FloatVector.fromArray(F, out, at + 3 * Lanes.COUNT);
    FloatVector o10 = FloatVector.fromArray(F, out, at + paddedDim);
    FloatVector o11 = FloatVector.fromArray(F, out, at + paddedDim + Lanes.COUNT);
    FloatVector o12 = FloatVector.fromArray(F, out, at + paddedDim + 2 * Lanes.COUNT);
    FloatVector o13 = FloatVector.fromArray(F, out, at + paddedDim + 3 * Lanes.COUNT);
    FloatVector o20 = FloatVector.fromArray(F, out, at + 2 * paddedDim);
    FloatVector o21 = FloatVector.fromArray(F, out, at + 2 * paddedDim + Lanes.COUNT);
    FloatVector o22 = FloatVector.fromArray(F, out, at + 2 * paddedDim + 2 * Lanes.COUNT);
    FloatVector o23 = FloatVector.fromArray(F, out, at + 2 * paddedDim + 3 * Lanes.COUNT);
    FloatVector o30 = FloatVector.fromArray(F, out, at + 3 * paddedDim);
    FloatVector o31 = FloatVector.fromArray(F, out, at + 3 * paddedDim + Lanes.COUNT);
    FloatVector o32 = FloatVector.fromArray(F, out, at + 3 * paddedDim + 2 * Lanes.COUNT);
    FloatVector o33 = FloatVector.fromArray(F, out, at + 3 * paddedDim + 3 * Lanes.COUNT);
    for (int i = from; i < to; i++) {
      long row = rows[i] + 2L * dim;
      int slot = slots[i];
      IntVector x0 = IntVector.fromMemorySegment(I, values, row, ORDER);
      FloatVector v0 =
          x0.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, shift)
              .and(mask)
              .reinterpretAsFloats();
      FloatVector v1 = x0.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats();
      IntVector x1 = IntVector.fromMemorySegment(I, values, row + 4L * Lanes.COUNT, ORDER);
      FloatVector v2 =
          x1.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, shift)
              .and(mask)
              .reinterpretAsFloats();
      FloatVector v3 = x1.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats();
      FloatVector w0 = FloatVector.broadcast(F, weights[slot]);
      o00 = v0.fma(w0, o00);
      o01 = v1.fma(w0, o01);
      o02 = v2.fma(w0, o02);
      o03 = v3.fma(w0, o03);
      FloatVector w1 = FloatVector.broadcast(F, weights[slot + CHUNK]);
      o10 = v0.fma(w1, o10);
      o11 = v1.fma(w1, o11);
      o12 = v2.fma(w1, o12);
      o13 = v3.fma(w1, o13);
      FloatVector w2 = FloatVector.broadcast(F, weights[slot + 2 * CHUNK]);
      o20 = v0.fma(w2, o20);
      o21 = v1.fma(w2, o21);
      o22 = v2.fma(w2, o22);
      o23 = v3.fma(w2, o23);
      FloatVector w3 = FloatVector.broadcast(F, weights[slot + 3 * CHUNK]);
      o30 = v0.fma(w3, o30);
      o31 = v1.fma(w3, o31);
      o32 = v2.fma(w3, o32);
      o33 = v3.fma(w3, o33);
    }
    o00.intoArray(out, at);
    o01.intoArray(out, at + Lanes.COUNT);
    o02.intoArray(out, at + 2 * Lanes.COUNT);
    o03.intoArray(out, at + 3 * Lanes.COUNT);
    o10.intoArray(out, at + paddedDim);
    o11.intoArray(out, at + paddedDim + Lanes.COUNT);
    o12.intoArray(out, at + paddedDim + 2 * Lanes.COUNT);
    o13.intoArray(out, at + paddedDim + 3 * Lanes.COUNT);
    o20.intoArray(out, at + 2 * paddedDim);
    o21.intoArray(out, at + 2 * paddedDim + Lanes.COUNT);
    o22.intoArray(out, at + 2 * paddedDim + 2 * Lanes.COUNT);
    o23.intoArray(out, at + 2 * paddedDim + 3 * Lanes.COUNT);
    o30.intoArray(out, at + 3 * paddedDim);
    o31.intoArray(out, at + 3 * paddedDim + Lanes.COUNT);
    o32.intoArray(out, at + 3 * paddedDim + 2 * Lanes.COUNT);
    o33.intoArray(out, at + 3 * paddedDim + 3 * Lanes.COUNT);
  }

  @Override
  final int restDims() {
    return 2 * Lanes.COUNT;
  }

  @Override
  final void addRest(
      MemorySegment values,
      long[] rows,
      int[] slots,
      int from,
      int to,
      int dim,
      int paddedDim,
      float[] weights,
      float[] out,
      int at) {
    FloatVector o00 = FloatVector.fromArray(F, out, at);
    FloatVector o01 = FloatVector.fromArray(F, out, at + Lanes.COUNT);
    FloatVector o10 = FloatVector.fromArray(F, out, at + paddedDim);
    FloatVector o11 = FloatVector.fromArray(F, out, at + paddedDim + Lanes.COUNT);
    FloatVector o20 = FloatVector.fromArray(F, out, at + 2 * paddedDim);
    FloatVector o21 = FloatVector.fromArray(F, out, at + 2 * paddedDim + Lanes.COUNT);
    FloatVector o30 = FloatVector.fromArray(F, out, at + 3 * paddedDim);
    FloatVector o31 = FloatVector.fromArray(F, out, at + 3 * paddedDim + Lanes.COUNT);
    for (int i = from; i < to; i++) {
      long row = rows[i] + 2L * dim;
      int slot = slots[i];
      IntVector x0 = IntVector.fromMemorySegment(I, values, row, ORDER);
      FloatVector v0 =
          x0.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, shift)
              .and(mask)
              .reinterpretAsFloats();
      FloatVector v1 = x0.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats();
      FloatVector w0 = FloatVector.broadcast(F, weights[slot]);
      o00 = v0.fma(w0, o00);
      o01 = v1.fma(w0, o01);
      FloatVector w1 = FloatVector.broadcast(F, weights[slot + CHUNK]);
      o10 = v0.fma(w1, o10);
      o11 = v1.fma(w1, o11);
      FloatVector w2 = FloatVector.broadcast(F, weights[slot + 2 * CHUNK]);
      o20 = v0.fma(w2, o20);
      o21 = v1.fma(w2, o21);
      FloatVector w3 = FloatVector.broadcast(F, weights[slot + 3 * CHUNK]);
      o30 = v0.fma(w3, o30);
      o31 = v1.fma(w3, o31);
    }
    o00.intoArray(out, at);
    o01.intoArray(out, at + Lanes.COUNT);
    o10.intoArray(out, at + paddedDim);
    o11.intoArray(out, at + paddedDim + Lanes.COUNT);
    o20.intoArray(out, at + 2 * paddedDim);
    o21.intoArray(out, at + 2 * paddedDim + Lanes.COUNT);
    o30.intoArray(out, at + 3 * paddedDim);
    o31.intoArray(out, at + 3 * paddedDim + Lanes.COUNT);
  }
}
