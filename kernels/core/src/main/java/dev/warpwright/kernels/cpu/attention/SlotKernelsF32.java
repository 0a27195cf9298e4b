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
  float get(MemorySegment memory, long offset) {
    return memory.get(ValueLayout.JAVA_FLOAT, offset);
  }

  @Override
  void put(MemorySegment memory, long offset, float value) {
    memory.set(ValueLayout.JAVA_FLOAT, offset, value);
  }

  @Override
  void scores(
      MemorySegment keys,
      long[] blocks,
      int from,
      int headDim,
      float[] q,
      int qAt,
      float[] scores) {
    for (int lane = 0; lane < Lanes.BLOCK; lane += Lanes.COUNT) {
      long block0 = blocks[from + 0] + 4L * lane;
      long block1 = blocks[from + 1] + 4L * lane;
      long block2 = blocks[from + 2] + 4L * lane;
      long block3 = blocks[from + 3] + 4L * lane;
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = FloatVector.zero(F);
      FloatVector a2 = FloatVector.zero(F);
      FloatVector a3 = FloatVector.zero(F);
      FloatVector b0 = FloatVector.zero(F);
      FloatVector b1 = FloatVector.zero(F);
      FloatVector b2 = FloatVector.zero(F);
      FloatVector b3 = FloatVector.zero(F);
      FloatVector c0 = FloatVector.zero(F);
      FloatVector c1 = FloatVector.zero(F);
      FloatVector c2 = FloatVector.zero(F);
      FloatVector c3 = FloatVector.zero(F);
      FloatVector d0 = FloatVector.zero(F);
      FloatVector d1 = FloatVector.zero(F);
      FloatVector d2 = FloatVector.zero(F);
      FloatVector d3 = FloatVector.zero(F);
      for (int dim = 0; dim < headDim; dim++) {
        long at = 64L * dim;
        FloatVector q0 = FloatVector.broadcast(F, q[qAt + 4 * dim]);
        FloatVector q1 = FloatVector.broadcast(F, q[qAt + 4 * dim + 1]);
        FloatVector q2 = FloatVector.broadcast(F, q[qAt + 4 * dim + 2]);
        FloatVector q3 = FloatVector.broadcast(F, q[qAt + 4 * dim + 3]);
        FloatVector k0 = FloatVector.fromMemorySegment(F, keys, block0 + at, ORDER);
        a0 = k0.fma(q0, a0);
        a1 = k0.fma(q1, a1);
        a2 = k0.fma(q2, a2);
        a3 = k0.fma(q3, a3);
        FloatVector k1 = FloatVector.fromMemorySegment(F, keys, block1 + at, ORDER);
        b0 = k1.fma(q0, b0);
        b1 = k1.fma(q1, b1);
        b2 = k1.fma(q2, b2);
        b3 = k1.fma(q3, b3);
        FloatVector k2 = FloatVector.fromMemorySegment(F, keys, block2 + at, ORDER);
        c0 = k2.fma(q0, c0);
        c1 = k2.fma(q1, c1);
        c2 = k2.fma(q2, c2);
        c3 = k2.fma(q3, c3);
        FloatVector k3 = FloatVector.fromMemorySegment(F, keys, block3 + at, ORDER);
        d0 = k3.fma(q0, d0);
        d1 = k3.fma(q1, d1);
        d2 = k3.fma(q2, d2);
        d3 = k3.fma(q3, d3);
      }
      int to = from * Lanes.BLOCK + lane;
      a0.intoArray(scores, to);
      a1.intoArray(scores, to + CHUNK);
      a2.intoArray(scores, to + 2 * CHUNK);
      a3.intoArray(scores, to + 3 * CHUNK);
      b0.intoArray(scores, to + Lanes.BLOCK);
      b1.intoArray(scores, to + Lanes.BLOCK + CHUNK);
      b2.intoArray(scores, to + Lanes.BLOCK + 2 * CHUNK);
      b3.intoArray(scores, to + Lanes.BLOCK + 3 * CHUNK);
      c0.intoArray(scores, to + 2 * Lanes.BLOCK);
      c1.intoArray(scores, to + 2 * Lanes.BLOCK + CHUNK);
      c2.intoArray(scores, to + 2 * Lanes.BLOCK + 2 * CHUNK);
      c3.intoArray(scores, to + 2 * Lanes.BLOCK + 3 * CHUNK);
      d0.intoArray(scores, to + 3 * Lanes.BLOCK);
      d1.intoArray(scores, to + 3 * Lanes.BLOCK + CHUNK);
      d2.intoArray(scores, to + 3 * Lanes.BLOCK + 2 * CHUNK);
      d3.intoArray(scores, to + 3 * Lanes.BLOCK + 3 * CHUNK);
    }
  }

  @Override
  void accumulate(
      MemorySegment values,
      long[] rows,
      int slots,
      int paddedDim,
      float[] weights,
      float[] out,
      int outAt) {
    int dim = 0;
    for (; dim + 4 * Lanes.COUNT <= paddedDim; dim += 4 * Lanes.COUNT) {
      accumulateFour(values, rows, slots, dim, paddedDim, weights, out, outAt + dim);
    }
    for (; dim < paddedDim; dim += Lanes.COUNT) {
      accumulateOne(values, rows, slots, dim, paddedDim, weights, out, outAt + dim);
    }
  }

  private static void accumulateFour(
      MemorySegment values,
      long[] rows,
      int slots,
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
    for (int slot = 0; slot < slots; slot++) {
      long row = rows[slot] + 4L * dim;
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

  private static void accumulateOne(
      MemorySegment values,
      long[] rows,
      int slots,
      int dim,
      int paddedDim,
      float[] weights,
      float[] out,
      int at) {
    FloatVector o00 = FloatVector.fromArray(F, out, at);
    FloatVector o10 = FloatVector.fromArray(F, out, at + paddedDim);
    FloatVector o20 = FloatVector.fromArray(F, out, at + 2 * paddedDim);
    FloatVector o30 = FloatVector.fromArray(F, out, at + 3 * paddedDim);
    for (int slot = 0; slot < slots; slot++) {
      long row = rows[slot] + 4L * dim;
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
