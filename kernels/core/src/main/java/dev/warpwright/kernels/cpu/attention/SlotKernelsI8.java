package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Slots of I8 codes, four a word, which are brought into F32; scales are the callers' business. A
 * code plus 128 becomes the lowest bits of a float of 2^23, from which both are taken away again: a
 * conversion by way of its own operation is not always compiled without allocation.
 */
final class SlotKernelsI8 extends SlotKernelsF32 {
  /** Turns the sign of a code, and puts 2^23 in front. */
  private static final int BITS = 0x4b000080;

  private static final float OFFSET = 0x1p23f + 128;

  @Override
  float get(MemorySegment memory, long word, int inWord) {
    return memory.get(ValueLayout.JAVA_BYTE, word + inWord);
  }

  @Override
  int word(float[] vector, int index) {
    int word = 0;
    for (int i = 0; i < 4; i++) {
      int code = (int) Math.clamp(Math.rint(vector[4 * index + i]), -127, 127);
      word |= (code & 0xff) << (8 * i);
    }
    return word;
  }

  @Override
  boolean areFinite(int[] words, int count) {
    return true;
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
    FloatVector e0 =
        words
            .lanewise(VectorOperators.LSHL, 24)
            .lanewise(VectorOperators.LSHR, 24)
            .lanewise(VectorOperators.XOR, BITS)
            .reinterpretAsFloats();
    e0.sub(OFFSET).intoMemorySegment(to, toAt, Lanes.ORDER);
    FloatVector e1 =
        words
            .lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.LSHR, 24)
            .lanewise(VectorOperators.XOR, BITS)
            .reinterpretAsFloats();
    e1.sub(OFFSET).intoMemorySegment(to, toAt + stride, Lanes.ORDER);
    FloatVector e2 =
        words
            .lanewise(VectorOperators.LSHL, 8)
            .lanewise(VectorOperators.LSHR, 24)
            .lanewise(VectorOperators.XOR, BITS)
            .reinterpretAsFloats();
    e2.sub(OFFSET).intoMemorySegment(to, toAt + 2 * stride, Lanes.ORDER);
    FloatVector e3 =
        words
            .lanewise(VectorOperators.LSHR, 24)
            .lanewise(VectorOperators.XOR, BITS)
            .reinterpretAsFloats();
    e3.sub(OFFSET).intoMemorySegment(to, toAt + 3 * stride, Lanes.ORDER);
  }
}
