package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.FloatFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Slots of F8E4M3 codes. The shifted bits of a code are a float of its value times 2^−120,
 * subnormals included. NaN comes out wrong, so pages that hold any are not read by these loops.
 */
final class SlotKernelsF8 extends SlotKernelsCodes {
  SlotKernelsF8() {
    // The sign stays in front, and four zeros come between it and the rest; −0 stays −0 next to −0.
    super(4, 0x87f00000, 0, 0x1p120f, -0f);
  }

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
}
