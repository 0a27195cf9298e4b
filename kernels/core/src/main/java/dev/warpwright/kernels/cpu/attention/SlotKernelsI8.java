package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Slots of I8 codes. A code plus 128 becomes the lowest bits of a float of 2^23, from which both
 * are taken away again: a conversion by way of its own operation is not always compiled without
 * allocation.
 */
final class SlotKernelsI8 extends SlotKernelsCodes {
  SlotKernelsI8() {
    // The pattern turns the sign of a code, and puts 2^23 in front.
    super(24, 0xff, 0x4b000080, 1, -(0x1p23f + 128));
  }

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
}
