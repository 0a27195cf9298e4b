package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Compared with arithmetic in double, in which all values and halfway points are exact. */
class FloatFormatsTest {
  /** Value of a number with the given fields; {@code bias} as in IEEE 754. */
  private static double value(int bits, int exponentBits, int fractionBits, int bias) {
    int exponent = (bits >>> fractionBits) & ((1 << exponentBits) - 1);
    double fraction = (bits & ((1 << fractionBits) - 1)) / (double) (1 << fractionBits);
    double magnitude =
        exponent == 0
            ? fraction * Math.pow(2, 1 - bias)
            : (1 + fraction) * Math.pow(2, exponent - bias);
    return bits >>> (exponentBits + fractionBits) == 0 ? magnitude : -magnitude;
  }

  @Test
  void everyBf16() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = FloatFormats.bf16ToFloat((short) bits);
      if ((bits & 0x7F80) == 0x7F80) {
        boolean infinite = (bits & 0x7F) == 0;
        assertTrue(infinite ? Float.isInfinite(value) : Float.isNaN(value));
        assertEquals(bits | (infinite ? 0 : 0x40), FloatFormats.floatToBf16(value) & 0xFFFF);
      } else {
        assertEquals(value(bits, 8, 7, 127), value);
        assertEquals(bits, FloatFormats.floatToBf16(value) & 0xFFFF);
      }
    }
  }

  @Test
  void everyF16() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = Float.float16ToFloat((short) bits);
      if ((bits & 0x7C00) == 0x7C00) {
        boolean infinite = (bits & 0x3FF) == 0;
        assertTrue(infinite ? Float.isInfinite(value) : Float.isNaN(value));
      } else {
        assertEquals(value(bits, 5, 10, 15), value);
        assertEquals(bits, Float.floatToFloat16(value) & 0xFFFF);
      }
    }
  }

  @Test
  void everyF8e4m3() {
    for (int bits = 0; bits < 1 << 8; bits++) {
      float value = FloatFormats.f8e4m3ToFloat((byte) bits);
      if ((bits & 0x7F) == 0x7F) {
        assertTrue(Float.isNaN(value));
      } else {
        assertEquals(value(bits, 4, 3, 7), value);
        assertEquals(bits, FloatFormats.floatToF8e4m3(value) & 0xFF);
      }
    }
  }

  /** Halfway between neighbours the even one is right, and beside that point the nearer one. */
  @Test
  void roundsToNearestEven() {
    for (int bits = 0; bits < 0x7F7F; bits++) {
      float low = FloatFormats.bf16ToFloat((short) bits);
      float high = FloatFormats.bf16ToFloat((short) (bits + 1));
      float half = (float) (((double) low + high) / 2);
      int even = bits + (bits & 1);
      for (int sign : new int[] {0, 0x8000}) {
        float s = sign == 0 ? 1 : -1;
        assertEquals(sign | even, FloatFormats.floatToBf16(s * half) & 0xFFFF);
        assertEquals(sign | bits, FloatFormats.floatToBf16(s * Math.nextDown(half)) & 0xFFFF);
        assertEquals(sign | (bits + 1), FloatFormats.floatToBf16(s * Math.nextUp(half)) & 0xFFFF);
      }
    }
    for (int bits = 0; bits < 0x7E; bits++) {
      float low = FloatFormats.f8e4m3ToFloat((byte) bits);
      float high = FloatFormats.f8e4m3ToFloat((byte) (bits + 1));
      float half = (low + high) / 2;
      int even = bits + (bits & 1);
      for (int sign : new int[] {0, 0x80}) {
        float s = sign == 0 ? 1 : -1;
        assertEquals(sign | even, FloatFormats.floatToF8e4m3(s * half) & 0xFF);
        assertEquals(sign | bits, FloatFormats.floatToF8e4m3(s * Math.nextDown(half)) & 0xFF);
        assertEquals(sign | (bits + 1), FloatFormats.floatToF8e4m3(s * Math.nextUp(half)) & 0xFF);
      }
    }
  }

  @Test
  void overflow() {
    assertEquals(0x7F80, FloatFormats.floatToBf16(Float.MAX_VALUE));
    assertEquals(0x7F80, FloatFormats.floatToBf16(Float.POSITIVE_INFINITY));
    for (float value : new float[] {448, 449, 464, 1e9f, Float.POSITIVE_INFINITY}) {
      assertEquals(0x7E, FloatFormats.floatToF8e4m3(value));
      assertEquals((byte) 0xFE, FloatFormats.floatToF8e4m3(-value));
    }
  }

  /** A signalling NaN with all its bits in the part that is cut off must not become infinity. */
  @Test
  void nanStaysQuietNan() {
    for (int bits : new int[] {0x7F800001, 0x7FC00000, 0xFF800001, 0xFFFFFFFF}) {
      float nan = Float.intBitsToFloat(bits);
      int sign = bits >>> 31;
      assertEquals((sign << 9) | 0x1FF, (FloatFormats.floatToBf16(nan) & 0xFFC0) >>> 6);
      assertEquals((sign << 7) | 0x7F, FloatFormats.floatToF8e4m3(nan) & 0xFF);
      assertTrue(Float.isNaN(Float.float16ToFloat(Float.floatToFloat16(nan))));
    }
  }

  /** The loops over arrays must agree with single values for all bits, whatever they compile to. */
  @Test
  void arraysAgreeWithSingleValues() {
    short[] shorts = new short[1 << 16];
    byte[] bytes = new byte[1 << 16];
    for (int i = 0; i < shorts.length; i++) {
      shorts[i] = (short) i;
      bytes[i] = (byte) i;
    }
    float[] values = new float[shorts.length];
    SplittableRandom random = new SplittableRandom(1);
    for (int round = 0; round < 200; round++) {
      FloatFormats.f16ToFloat(shorts, values, values.length);
      for (int i = 0; i < values.length; i += 1 + round) {
        assertEquals(Float.float16ToFloat((short) i), values[i]);
      }
      FloatFormats.bf16ToFloat(shorts, values, values.length);
      for (int i = 0; i < values.length; i += 1 + round) {
        assertEquals(FloatFormats.bf16ToFloat((short) i), values[i]);
      }
      FloatFormats.f8e4m3ToFloat(bytes, values, values.length);
      for (int i = 0; i < values.length; i += 1 + round) {
        assertEquals(FloatFormats.f8e4m3ToFloat((byte) i), values[i]);
      }
      for (int i = 0; i < values.length; i++) {
        values[i] = Float.intBitsToFloat(random.nextInt());
      }
      short[] narrow = new short[values.length];
      short[] expected = new short[values.length];
      FloatFormats.floatToF16(values, narrow, narrow.length);
      for (int i = 0; i < values.length; i += 1 + round) {
        // Compiled and interpreted code may keep other payloads of NaN.
        assertEquals(
            Float.float16ToFloat(Float.floatToFloat16(values[i])), Float.float16ToFloat(narrow[i]));
      }
      FloatFormats.floatToBf16(values, narrow, narrow.length);
      for (int i = 0; i < values.length; i++) {
        expected[i] = FloatFormats.floatToBf16(values[i]);
      }
      assertArrayEquals(expected, narrow);
    }
  }
}
