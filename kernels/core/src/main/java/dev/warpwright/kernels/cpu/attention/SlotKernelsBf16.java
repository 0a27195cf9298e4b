package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.FloatFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Slots of BF16, two elements a word, which are brought into F32. */
final class SlotKernelsBf16 extends SlotKernelsF32 {
  private static final int UPPER = 0xffff0000;

  @Override
  float overflow() {
    return 0x1.ffp127f; // halfway between the largest BF16 number and what would follow
  }

  @Override
  float get(MemorySegment memory, long word, int inWord) {
    return FloatFormats.bf16ToFloat(memory.get(ValueLayout.JAVA_SHORT, word + 2L * inWord));
  }

  @Override
  int word(float[] vector, int index) {
    int first = FloatFormats.floatToBf16(vector[2 * index]) & 0xffff;
    int second = FloatFormats.floatToBf16(vector[2 * index + 1]) & 0xffff;
    return second << 16 | first;
  }

  @Override
  boolean areFinite(int[] words, int count) {
    int most = 0;
    for (int i = 0; i < count; i++) {
      most = Math.max(most, Math.max(words[i] & 0x7fff0000, words[i] << 16 & 0x7fff0000));
    }
    return most < 0x7f800000;
  }

  @Override
  int sumAt(int dim) {
    int inVector = dim % (2 * Lanes.COUNT);
    return dim - inVector + inVector % 2 * Lanes.COUNT + inVector / 2;
  }

  @Override
  boolean unpacks() {
    return true;
  }

  @Override
  void unpack(MemorySegment from, long at, MemorySegment to, long toAt, long stride) {
    IntVector words = IntVector.fromMemorySegment(Lanes.I, from, at, Lanes.ORDER);
    words.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(to, toAt, Lanes.ORDER);
    words.and(UPPER).intoMemorySegment(to, toAt + stride, Lanes.ORDER);
  }
}
