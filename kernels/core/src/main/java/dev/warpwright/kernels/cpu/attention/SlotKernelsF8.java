package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.FloatFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Slots of F8E4M3 codes, four a word, which are brought into F32; scales are the callers' business.
 * A code is read by a shift of its bits into those of a float, which is its value times 2^−120,
 * subnormals included, and multiplied with 2^120. NaN comes out wrong, so pages that hold any are
 * not read by this loop.
 */
final class SlotKernelsF8 extends SlotKernelsF32 {
  private static final int BITS = 0x87f00000;
  private static final float SCALE = 0x1p120f;

  @Override
  float get(MemorySegment memory, long word, int inWord) {
    return FloatFormats.f8e4m3ToFloat(memory.get(ValueLayout.JAVA_BYTE, word + inWord));
  }

  @Override
  int word(float[] vector, int index) {
    int word = 0;
    for (int i = 0; i < 4; i++) {
      word |= (FloatFormats.floatToF8e4m3(vector[4 * index + i]) & 0xff) << (8 * i);
    }
    return word;
  }

  @Override
  boolean areFinite(int[] words, int count) {
    boolean finite = true;
    for (int i = 0; i < count; i++) {
      for (int shift = 0; shift < 32; shift += 8) {
        finite &= (words[i] >> shift & 0x7f) != 0x7f;
      }
    }
    return finite;
  }

  @Override
  int sumAt(int dim) {
    int inVector = dim % (4 * Lanes.COUNT);
    return dim - inVector + inVector % 4 * Lanes.COUNT + inVector / 4;
  }

  @Override
  boolean unpacks() {
    return true;
  }

  @Override
  void unpack(MemorySegment from, long at, MemorySegment to, long toAt, long stride) {
    IntVector words = IntVector.fromMemorySegment(Lanes.I, from, at, Lanes.ORDER);
    // The sign stays in front, and four zeros come between it and the rest.
    FloatVector e0 =
        words
            .lanewise(VectorOperators.LSHL, 24)
            .lanewise(VectorOperators.ASHR, 4)
            .and(BITS)
            .reinterpretAsFloats();
    e0.mul(SCALE).intoMemorySegment(to, toAt, Lanes.ORDER);
    FloatVector e1 =
        words
            .lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 4)
            .and(BITS)
            .reinterpretAsFloats();
    e1.mul(SCALE).intoMemorySegment(to, toAt + stride, Lanes.ORDER);
    FloatVector e2 =
        words
            .lanewise(VectorOperators.LSHL, 8)
            .lanewise(VectorOperators.ASHR, 4)
            .and(BITS)
            .reinterpretAsFloats();
    e2.mul(SCALE).intoMemorySegment(to, toAt + 2 * stride, Lanes.ORDER);
    FloatVector e3 = words.lanewise(VectorOperators.ASHR, 4).and(BITS).reinterpretAsFloats();
    e3.mul(SCALE).intoMemorySegment(to, toAt + 3 * stride, Lanes.ORDER);
  }
}
