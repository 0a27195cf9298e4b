package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Loops over slots of one-byte codes, four a word; scales are the callers' business. A code at the
 * top of a word becomes the bits of a float by a shift, a mask and a pattern, and the float its
 * value by a factor and a summand: exactly, and by operations that are compiled without allocation.
 *
 * <p>The loops are unrolled by hand: helper methods would not be inlined here.
 */
abstract class SlotKernelsCodes extends SlotKernels {
  private static final VectorSpecies<Float> F = Lanes.F;
  private static final VectorSpecies<Integer> I = Lanes.I;
  private static final ByteOrder ORDER = Lanes.ORDER;

  private final int shift;
  private final int mask;
  private final int bits;
  private final float factor;
  private final float summand;

  /**
   * Codes with the value float((code · 2^24 &gt;&gt; shift &amp; mask) ^ bits) · factor + summand.
   */
  SlotKernelsCodes(int shift, int mask, int bits, float factor, float summand) {
    this.shift = shift;
    this.mask = mask;
    this.bits = bits;
    this.factor = factor;
    this.summand = summand;
  }

  @Override
  final float queryScale() {
    return 1;
  }

  @Override
  final float scoreScale() {
    return 1;
  }

  @Override
  final float weightScale() {
    return 1;
  }

  @Override
  final float valueScale() {
    return 1;
  }

  @Override
  final float overflow() {
    return Float.POSITIVE_INFINITY;
  }

  // A vector of words gives a vector of their first elements, one of the second, and so on.
  @Override
  final int sumAt(int dim) {
    int inVector = dim % (4 * Lanes.COUNT);
    return dim - inVector + inVector % 4 * Lanes.COUNT + inVector / 4;
  }

  @Override
  final boolean unpacks() {
    return true;
  }

  @Override
  final void unpack(MemorySegment from, long at, MemorySegment to, long toAt, long stride) {
    FloatVector times = FloatVector.broadcast(F, factor);
    FloatVector plus = FloatVector.broadcast(F, summand);
    IntVector words = IntVector.fromMemorySegment(I, from, at, ORDER);
    for (int i = 0; i < 4; i++) {
      words
          .lanewise(VectorOperators.LSHL, 24 - 8 * i)
          .lanewise(VectorOperators.ASHR, shift)
          .and(mask)
          .lanewise(VectorOperators.XOR, bits)
          .reinterpretAsFloats()
          .fma(times, plus)
          .intoMemorySegment(to, toAt + i * stride, ORDER);
    }
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
    FloatVector times = FloatVector.broadcast(F, factor);
    FloatVector plus = FloatVector.broadcast(F, summand);
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
      for (int dim = from; dim < to; dim += 4) {
        long word = 16L * dim;
        IntVector x0 = IntVector.fromMemorySegment(I, keys, block0 + word, ORDER);
        IntVector x1 = IntVector.fromMemorySegment(I, keys, block1 + word, ORDER);
        IntVector x2 = IntVector.fromMemorySegment(I, keys, block2 + word, ORDER);
        IntVector x3 = IntVector.fromMemorySegment(I, keys, block3 + word, ORDER);
        // One element of the words at a time: each stands at the top of its word, then moves up.
        for (int left = 24; left >= 0; left -= 8) {
          int query = qAt + 4 * dim + (24 - left) / 2;
          FloatVector q0 = FloatVector.broadcast(F, q[query]);
          FloatVector q1 = FloatVector.broadcast(F, q[query + 1]);
          FloatVector q2 = FloatVector.broadcast(F, q[query + 2]);
          FloatVector q3 = FloatVector.broadcast(F, q[query + 3]);
          FloatVector k0 =
              x0.lanewise(VectorOperators.LSHL, left)
                  .lanewise(VectorOperators.ASHR, shift)
                  .and(mask)
                  .lanewise(VectorOperators.XOR, bits)
                  .reinterpretAsFloats()
                  .fma(times, plus);
          a0 = k0.fma(q0, a0);
          a1 = k0.fma(q1, a1);
          a2 = k0.fma(q2, a2);
          a3 = k0.fma(q3, a3);
          FloatVector k1 =
              x1.lanewise(VectorOperators.LSHL, left)
                  .lanewise(VectorOperators.ASHR, shift)
                  .and(mask)
                  .lanewise(VectorOperators.XOR, bits)
                  .reinterpretAsFloats()
                  .fma(times, plus);
          b0 = k1.fma(q0, b0);
          b1 = k1.fma(q1, b1);
          b2 = k1.fma(q2, b2);
          b3 = k1.fma(q3, b3);
          FloatVector k2 =
              x2.lanewise(VectorOperators.LSHL, left)
                  .lanewise(VectorOperators.ASHR, shift)
                  .and(mask)
                  .lanewise(VectorOperators.XOR, bits)
                  .reinterpretAsFloats()
                  .fma(times, plus);
          c0 = k2.fma(q0, c0);
          c1 = k2.fma(q1, c1);
          c2 = k2.fma(q2, c2);
          c3 = k2.fma(q3, c3);
          FloatVector k3 =
              x3.lanewise(VectorOperators.LSHL, left)
                  .lanewise(VectorOperators.ASHR, shift)
                  .and(mask)
                  .lanewise(VectorOperators.XOR, bits)
                  .reinterpretAsFloats()
                  .fma(times, plus);
          d0 = k3.fma(q0, d0);
          d1 = k3.fma(q1, d1);
          d2 = k3.fma(q2, d2);
          d3 = k3.fma(q3, d3);
        }
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
    FloatVector times = FloatVector.broadcast(F, factor);
    FloatVector plus = FloatVector.broadcast(F, summand);
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
      int slot = slots[i];
      IntVector x = IntVector.fromMemorySegment(I, values, rows[i] + dim, ORDER);
      FloatVector v0 =
          x.lanewise(VectorOperators.LSHL, 24)
              .lanewise(VectorOperators.ASHR, shift)
              .and(mask)
              .lanewise(VectorOperators.XOR, bits)
              .reinterpretAsFloats()
              .fma(times, plus);
      FloatVector v1 =
          x.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, shift)
              .and(mask)
              .lanewise(VectorOperators.XOR, bits)
              .reinterpretAsFloats()
              .fma(times, plus);
      FloatVector v2 =
          x.lanewise(VectorOperators.LSHL, 8)
              .lanewise(VectorOperators.ASHR, shift)
              .and(mask)
              .lanewise(VectorOperators.XOR, bits)
              .reinterpretAsFloats()
              .fma(times, plus);
      FloatVector v3 =
          x.lanewise(VectorOperators.ASHR, shift)
              .and(mask)
              .lanewise(VectorOperators.XOR, bits)
              .reinterpretAsFloats()
              .fma(times, plus);
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
    return 4 * Lanes.COUNT;
  }

  /** Never less than what {@link #addFour} takes: rows are padded to whole vectors of words. */
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
    addFour(values, rows, slots, from, to, dim, paddedDim, weights, out, at);
  }
}
