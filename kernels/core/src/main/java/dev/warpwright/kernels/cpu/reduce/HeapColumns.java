package dev.warpwright.kernels.cpu.reduce;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** {@link VectorColumns#reduce} for rows in heap arrays: the same additions. */
final class HeapColumns {
  private static final VectorSpecies<Float> SPECIES = VectorColumns.SPECIES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private HeapColumns() {}

  /**
   * The root of the tree over eight rows, each from its own index.
   *
   * @param columns length, a multiple of {@link VectorColumns#STEP}
   */
  static void reduce(
      float[][] rows,
      int[] at,
      float[] weights,
      int slot,
      Carry carry,
      MemorySegment to,
      int columns) {
    MemorySegment c0 = carry.first();
    MemorySegment c1 = carry.second();
    long m0 = carry.firstMask();
    long m1 = carry.secondMask();
    float[] r0 = rows[0];
    float[] r1 = rows[1];
    float[] r2 = rows[2];
    float[] r3 = rows[3];
    float[] r4 = rows[4];
    float[] r5 = rows[5];
    float[] r6 = rows[6];
    float[] r7 = rows[7];
    if (c0.getClass() != VectorColumns.NATIVE
        || c1.getClass() != VectorColumns.NATIVE
        || to.getClass() != VectorColumns.NATIVE) {
      throw new IllegalArgumentException("not a native segment");
    }
    int a0 = at[0];
    int a1 = at[1];
    int a2 = at[2];
    int a3 = at[3];
    int a4 = at[4];
    int a5 = at[5];
    int a6 = at[6];
    int a7 = at[7];
    FloatVector w0 = FloatVector.broadcast(SPECIES, weights[slot]);
    FloatVector w1 = FloatVector.broadcast(SPECIES, weights[slot + 1]);
    FloatVector w2 = FloatVector.broadcast(SPECIES, weights[slot + 2]);
    FloatVector w3 = FloatVector.broadcast(SPECIES, weights[slot + 3]);
    FloatVector w4 = FloatVector.broadcast(SPECIES, weights[slot + 4]);
    FloatVector w5 = FloatVector.broadcast(SPECIES, weights[slot + 5]);
    FloatVector w6 = FloatVector.broadcast(SPECIES, weights[slot + 6]);
    FloatVector w7 = FloatVector.broadcast(SPECIES, weights[slot + 7]);
    for (int i = 0; i < columns; i += VectorColumns.STEP) {
      int k = i + SPECIES.length();
      FloatVector x0 = FloatVector.fromArray(SPECIES, r0, a0 + i).mul(w0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, r1, a1 + i).mul(w1);
      FloatVector x2 = FloatVector.fromArray(SPECIES, r2, a2 + i).mul(w2);
      FloatVector x3 = FloatVector.fromArray(SPECIES, r3, a3 + i).mul(w3);
      FloatVector x4 = FloatVector.fromArray(SPECIES, r4, a4 + i).mul(w4);
      FloatVector x5 = FloatVector.fromArray(SPECIES, r5, a5 + i).mul(w5);
      FloatVector x6 = FloatVector.fromArray(SPECIES, r6, a6 + i).mul(w6);
      FloatVector x7 = FloatVector.fromArray(SPECIES, r7, a7 + i).mul(w7);
      FloatVector y0 = FloatVector.fromArray(SPECIES, r0, a0 + k).mul(w0);
      FloatVector y1 = FloatVector.fromArray(SPECIES, r1, a1 + k).mul(w1);
      FloatVector y2 = FloatVector.fromArray(SPECIES, r2, a2 + k).mul(w2);
      FloatVector y3 = FloatVector.fromArray(SPECIES, r3, a3 + k).mul(w3);
      FloatVector y4 = FloatVector.fromArray(SPECIES, r4, a4 + k).mul(w4);
      FloatVector y5 = FloatVector.fromArray(SPECIES, r5, a5 + k).mul(w5);
      FloatVector y6 = FloatVector.fromArray(SPECIES, r6, a6 + k).mul(w6);
      FloatVector y7 = FloatVector.fromArray(SPECIES, r7, a7 + k).mul(w7);
      FloatVector left = x0.add(x1).add(x2.add(x3));
      FloatVector right = x4.add(x5).add(x6.add(x7));
      FloatVector first = FloatVector.fromMemorySegment(SPECIES, c0, (4L * i) & m0, ORDER);
      FloatVector second = FloatVector.fromMemorySegment(SPECIES, c1, (4L * i) & m1, ORDER);
      second.add(first.add(left.add(right))).intoMemorySegment(to, 4L * i, ORDER);
      FloatVector leftNext = y0.add(y1).add(y2.add(y3));
      FloatVector rightNext = y4.add(y5).add(y6.add(y7));
      FloatVector firstNext = FloatVector.fromMemorySegment(SPECIES, c0, (4L * k) & m0, ORDER);
      FloatVector secondNext = FloatVector.fromMemorySegment(SPECIES, c1, (4L * k) & m1, ORDER);
      secondNext.add(firstNext.add(leftNext.add(rightNext))).intoMemorySegment(to, 4L * k, ORDER);
    }
  }

  /**
   * {@code to = factor · from}.
   *
   * @param columns length, a multiple of {@link VectorColumns#STEP}
   */
  static void scale(float[] from, int at, float factor, MemorySegment to, long toAt, int columns) {
    if (to.getClass() != VectorColumns.NATIVE) {
      throw new IllegalArgumentException("not a native segment");
    }
    FloatVector f = FloatVector.broadcast(SPECIES, factor);
    for (int i = 0; i < columns; i += SPECIES.length()) {
      FloatVector.fromArray(SPECIES, from, at + i)
          .mul(f)
          .intoMemorySegment(to, toAt + 4L * i, ORDER);
    }
  }
}
