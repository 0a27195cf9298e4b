package dev.warpwright.kernels.cpu.reduce;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops over the columns of a block. All segments here are native ones that no file is mapped
 * to, and their class is compared before each loop: it is the compiler's only certain knowledge of
 * a segment's kind, because the profile inside the Vector API is shared by all kernels of the JVM.
 * Without it a process that has used heap segments too runs these loops many times slower.
 */
final class VectorColumns {
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /** Columns that one round of a loop takes: two vectors of each row, a cache line or two. */
  static final int STEP = 2 * SPECIES.length();

  /** Leaves that are added in registers: as many rows are read at the same time. */
  static final int LEAVES = 8;

  /** Class of a native segment that no file is mapped to. */
  static final Class<?> NATIVE = MemorySegment.NULL.getClass();

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorColumns() {}

  /**
   * The root of the tree over eight rows, each from its own byte offset, and the blocks that it
   * carries over.
   *
   * @param bytes length, a multiple of {@link #STEP} columns
   */
  static void reduce(
      MemorySegment[] rows,
      long[] at,
      float[] weights,
      int slot,
      Carry carry,
      MemorySegment to,
      long bytes) {
    MemorySegment c0 = carry.first();
    MemorySegment c1 = carry.second();
    long m0 = carry.firstMask();
    long m1 = carry.secondMask();
    MemorySegment r0 = rows[0];
    MemorySegment r1 = rows[1];
    MemorySegment r2 = rows[2];
    MemorySegment r3 = rows[3];
    MemorySegment r4 = rows[4];
    MemorySegment r5 = rows[5];
    MemorySegment r6 = rows[6];
    MemorySegment r7 = rows[7];
    if (r0.getClass() != NATIVE
        || r1.getClass() != NATIVE
        || r2.getClass() != NATIVE
        || r3.getClass() != NATIVE
        || r4.getClass() != NATIVE
        || r5.getClass() != NATIVE
        || r6.getClass() != NATIVE
        || r7.getClass() != NATIVE
        || c0.getClass() != NATIVE
        || c1.getClass() != NATIVE
        || to.getClass() != NATIVE) {
      throw new IllegalArgumentException("not a native segment");
    }
    long a0 = at[0];
    long a1 = at[1];
    long a2 = at[2];
    long a3 = at[3];
    long a4 = at[4];
    long a5 = at[5];
    long a6 = at[6];
    long a7 = at[7];
    FloatVector w0 = FloatVector.broadcast(SPECIES, weights[slot]);
    FloatVector w1 = FloatVector.broadcast(SPECIES, weights[slot + 1]);
    FloatVector w2 = FloatVector.broadcast(SPECIES, weights[slot + 2]);
    FloatVector w3 = FloatVector.broadcast(SPECIES, weights[slot + 3]);
    FloatVector w4 = FloatVector.broadcast(SPECIES, weights[slot + 4]);
    FloatVector w5 = FloatVector.broadcast(SPECIES, weights[slot + 5]);
    FloatVector w6 = FloatVector.broadcast(SPECIES, weights[slot + 6]);
    FloatVector w7 = FloatVector.broadcast(SPECIES, weights[slot + 7]);
    for (long i = 0; i < bytes; i += 2L * SPECIES.vectorByteSize()) {
      long k = i + SPECIES.vectorByteSize();
      FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, r0, a0 + i, ORDER).mul(w0);
      FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, r1, a1 + i, ORDER).mul(w1);
      FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, r2, a2 + i, ORDER).mul(w2);
      FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, r3, a3 + i, ORDER).mul(w3);
      FloatVector x4 = FloatVector.fromMemorySegment(SPECIES, r4, a4 + i, ORDER).mul(w4);
      FloatVector x5 = FloatVector.fromMemorySegment(SPECIES, r5, a5 + i, ORDER).mul(w5);
      FloatVector x6 = FloatVector.fromMemorySegment(SPECIES, r6, a6 + i, ORDER).mul(w6);
      FloatVector x7 = FloatVector.fromMemorySegment(SPECIES, r7, a7 + i, ORDER).mul(w7);
      FloatVector y0 = FloatVector.fromMemorySegment(SPECIES, r0, a0 + k, ORDER).mul(w0);
      FloatVector y1 = FloatVector.fromMemorySegment(SPECIES, r1, a1 + k, ORDER).mul(w1);
      FloatVector y2 = FloatVector.fromMemorySegment(SPECIES, r2, a2 + k, ORDER).mul(w2);
      FloatVector y3 = FloatVector.fromMemorySegment(SPECIES, r3, a3 + k, ORDER).mul(w3);
      FloatVector y4 = FloatVector.fromMemorySegment(SPECIES, r4, a4 + k, ORDER).mul(w4);
      FloatVector y5 = FloatVector.fromMemorySegment(SPECIES, r5, a5 + k, ORDER).mul(w5);
      FloatVector y6 = FloatVector.fromMemorySegment(SPECIES, r6, a6 + k, ORDER).mul(w6);
      FloatVector y7 = FloatVector.fromMemorySegment(SPECIES, r7, a7 + k, ORDER).mul(w7);
      FloatVector left = x0.add(x1).add(x2.add(x3));
      FloatVector right = x4.add(x5).add(x6.add(x7));
      FloatVector first = FloatVector.fromMemorySegment(SPECIES, c0, i & m0, ORDER);
      FloatVector second = FloatVector.fromMemorySegment(SPECIES, c1, i & m1, ORDER);
      second.add(first.add(left.add(right))).intoMemorySegment(to, i, ORDER);
      FloatVector leftNext = y0.add(y1).add(y2.add(y3));
      FloatVector rightNext = y4.add(y5).add(y6.add(y7));
      FloatVector firstNext = FloatVector.fromMemorySegment(SPECIES, c0, k & m0, ORDER);
      FloatVector secondNext = FloatVector.fromMemorySegment(SPECIES, c1, k & m1, ORDER);
      secondNext.add(firstNext.add(leftNext.add(rightNext))).intoMemorySegment(to, k, ORDER);
    }
  }

  /** {@code to = left + right}, from {@code at} on. */
  static void add(MemorySegment left, MemorySegment right, MemorySegment to, long at, long bytes) {
    if (left.getClass() != NATIVE || right.getClass() != NATIVE || to.getClass() != NATIVE) {
      throw new IllegalArgumentException("not a native segment");
    }
    for (long i = at; i < at + bytes; i += SPECIES.vectorByteSize()) {
      FloatVector x = FloatVector.fromMemorySegment(SPECIES, left, i, ORDER);
      FloatVector y = FloatVector.fromMemorySegment(SPECIES, right, i, ORDER);
      x.add(y).intoMemorySegment(to, i, ORDER);
    }
  }

  /** {@code to = factor · from}, from the given byte offsets on. */
  static void scale(
      MemorySegment from, long fromAt, float factor, MemorySegment to, long toAt, long bytes) {
    if (from.getClass() != NATIVE || to.getClass() != NATIVE) {
      throw new IllegalArgumentException("not a native segment");
    }
    FloatVector f = FloatVector.broadcast(SPECIES, factor);
    for (long i = 0; i < bytes; i += SPECIES.vectorByteSize()) {
      FloatVector.fromMemorySegment(SPECIES, from, fromAt + i, ORDER)
          .mul(f)
          .intoMemorySegment(to, toAt + i, ORDER);
    }
  }
}
