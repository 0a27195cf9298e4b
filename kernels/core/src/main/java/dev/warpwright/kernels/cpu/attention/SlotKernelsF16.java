package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Slots of F16. The shifted bits of a half are its value times 2^−112, subnormals included; the
 * factor is made up for by others, kept far from the limits of F32. Infinities and NaN come out
 * wrong, so pages that hold any are not read by these loops.
 */
final class SlotKernelsF16 extends SlotKernelsHalves {
  SlotKernelsF16() {
    super(3, 0x8fffe000, 0x7c000000);
  }

  @Override
  float queryScale() {
    return 0x1p56f;
  }

  @Override
  float scoreScale() {
    return 0x1p56f;
  }

  @Override
  float weightScale() {
    return 0x1p64f;
  }

  @Override
  float valueScale() {
    return 0x1p-112f;
  }

  @Override
  float overflow() {
    return 65_520;
  }

  @Override
  float get(MemorySegment memory, long word, int inWord) {
    return Float.float16ToFloat(memory.get(ValueLayout.JAVA_SHORT, word + 2L * inWord));
  }

  @Override
  int word(float[] vector, int index) {
    int first = Float.floatToFloat16(vector[2 * index]) & 0xffff;
    int second = Float.floatToFloat16(vector[2 * index + 1]) & 0xffff;
    return second << 16 | first;
  }
}
