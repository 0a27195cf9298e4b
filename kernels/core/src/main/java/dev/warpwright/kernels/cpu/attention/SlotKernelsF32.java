package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Loops over F32 slots. They are unrolled by hand: helper methods would not be inlined here. */
final class SlotKernelsF32 extends SlotKernels {
  private static final VectorSpecies<Float> F = Lanes.F;
  private static final ByteOrder ORDER = Lanes.ORDER;

  @Override
  float queryScale() {
    return 1;
  }

  @Override
  float scoreScale() {
    return 1;
  }

  @Override
  float weightScale() {
    return 1;
  }

  @Override
  float valueScale() {
    return 1;
  }

  @Override
  float overflow() {
    return Float.POSITIVE_INFINITY;
  }

  @Override
  int sumAt(int dim) {
    return dim;
  }

  @Override
  float get(MemorySegment memory, long word, int inWord) {
    return memory.get(ValueLayout.JAVA_FLOAT, word);
  }

  @Override
  int word(float[] vector, int index) {
    return Float.floatToRawIntBits(vector[index]);
  }

  @Override
  boolean areFinite(int[] words, int count) {
    int most = 0;
    for (int i = 0; i < count; i++) {
      most = Math.max(most, words[i] & 0x7fffffff);
    }
    return most < 0x7f800000;
  }

  @Override
  void addProducts(
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
      for (int dim = from; dim < to; dim++) {
        long word = 64L * dim;
        FloatVector q0 = FloatVector.broadcast(F, q[qAt + 4 * dim]);
        FloatVector q1 = FloatVector.broadcast(F, q[qAt + 4 * dim + 1]);
        FloatVector q2 = FloatVector.broadcast(F, q[qAt + 4 * dim + 2]);
        FloatVector q3 = FloatVector.broadcast(F, q[qAt + 4 * dim + 3]);
        FloatVector k0 = FloatVector.fromMemorySegment(F, keys, block0 + word, ORDER);
        a0 = k0.fma(q0, a0);
        a1 = k0.fma(q1, a1);
        a2 = k0.fma(q2, a2);
        a3 = k0.fma(q3, a3);
        FloatVector k1 = FloatVector.fromMemorySegment(F, keys, block1 + word, ORDER);
        b0 = k1.fma(q0, b0);
        b1 = k1.fma(q1, b1);
        b2 = k1.fma(q2, b2);
        b3 = k1.fma(q3, b3);
        FloatVector k2 = FloatVector.fromMemorySegment(F, keys, block2 + word, ORDER);
        c0 = k2.fma(q0, c0);
        c1 = k2.fma(q1, c1);
        c2 = k2.fma(q2, c2);
        c3 = k2.fma(q3, c3);
        FloatVector k3 = FloatVector.fromMemorySegment(F, keys, block3 + word, ORDER);
        d0 = k3.fma(q0, d0);
        d1 = k3.fma(q1, d1);
        d2 = k3.fma(q2, d2);
        d3 = k3.fma(q3, d3);
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
  void addFour(
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
      long row = rows[i] + 4L * dim;
      int slot = slots[i];
      FloatVector v0 = FloatVector.fromMemorySegment(F, values, row, ORDER);
      FloatVector v1 = FloatVector.fromMemorySegment(F, values, row + 4L * Lanes.COUNT, ORDER);
      FloatVector v2 = FloatVector.fromMemorySegment(F, values, row + 8L * Lanes.COUNT, ORDER);
      FloatVector v3 = FloatVector.fromMemorySegment(F, values, row + 12L * Lanes.COUNT, ORDER);
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
  int restDims() {
    return Lanes.COUNT;
  }

  @Override
  void addRest(
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
    FloatVector o10 = FloatVector.fromArray(F, out, at + paddedDim);
    FloatVector o20 = FloatVector.fromArray(F, out, at + 2 * paddedDim);
    FloatVector o30 = FloatVector.fromArray(F, out, at + 3 * paddedDim);
    for (int i = from; i < to; i++) {
      long row = rows[i] + 4L * dim;
      int slot = slots[i];
      FloatVector v0 = FloatVector.fromMemorySegment(F, values, row, ORDER);
      FloatVector w0 = FloatVector.broadcast(F, weights[slot]);
      o00 = v0.fma(w0, o00);
      FloatVector w1 = FloatVector.broadcast(F, weights[slot + CHUNK]);
      o10 = v0.fma(w1, o10);
      FloatVector w2 = FloatVector.broadcast(F, weights[slot + 2 * CHUNK]);
      o20 = v0.fma(w2, o20);
      FloatVector w3 = FloatVector.broadcast(F, weights[slot + 3 * CHUNK]);
      o30 = v0.fma(w3, o30);
    }
    o00.intoArray(out, at);
    o10.intoArray(out, at + paddedDim);
    o20.intoArray(out, at + 2 * paddedDim);
    o30.intoArray(out, at + 3 * paddedDim);
  }
}
