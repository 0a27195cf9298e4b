package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.FloatFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Slots of BF16: the upper halves of floats. */
final class SlotKernelsBf16 extends SlotKernelsHalves {
  private static final int UPPER = 0xffff0000;

  SlotKernelsBf16() {
    super(0, UPPER, 0x7f800000);
  }

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
