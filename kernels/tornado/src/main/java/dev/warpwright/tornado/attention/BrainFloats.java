package dev.warpwright.tornado.attention;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/** BF16 for kernels, as {@link HalfFloats} does F16: by arithmetic that is exact. */
final class BrainFloats {
  private static final int INFINITY = 0x7f80;
  private static final int NAN = 0x7fc0;
  private static final int SIGN = 0x8000;

  private BrainFloats() {}

  /**
   * The number of BF16 bits that were extended by their sign: an integer of eight digits times
   * 2^(exponent − 134), of which the low bits of the exponent shift the integer, and the others are
   * a power of 2^16 whose root is multiplied in twice, so that nothing on the way is subnormal.
   */
  static float decode(int bits) {
    int exponent = (bits >> 7) & 255;
    int digits = bits & 127;
    int power = exponent;
    if (exponent > 0) {
      digits = digits + 128;
    } else {
      power = 1;
    }
    float root = (float) (1 << (power >> 4)) * 0x1p-8f;
    root = root * root;
    root = root * root;
    root = root * root;
    // Of the largest exponent this is beyond all numbers: an infinity.
    float size = (float) (digits << (power & 15)) * 0x1p-6f * root * root;
    if (exponent == 255) {
      if (digits > 128) {
        // TornadoVM writes the constant in a way that OpenCL does not know.
        size = TornadoMath.sqrt(-(float) digits);
      }
    }
    float result = size;
    if (bits < 0) {
      result = -size;
    }
    return result;
  }

  /**
   * The bits of the BF16 number nearest to {@code x}, ties to even: a sum with a number whose last
   * place is that of the result is rounded there.
   */
  static int encode(float x) {
    int bits = NAN;
    if (!Float.isNaN(x)) {
      float size = TornadoMath.abs(x);
      if (size > Float.MAX_VALUE) {
        bits = INFINITY;
      } else if (size < 0x1p-126f) {
        bits = (int) ((size * 0x1p100f * 0x1p33f + 0x1p23f) - 0x1p23f);
      } else {
        int exponent = 127;
        while (size < 1) {
          size = size * 0x1p16f;
          exponent = exponent - 16;
        }
        while (size > 0x1.fffffep15f) {
          size = size * 0x1p-16f;
          exponent = exponent + 16;
        }
        while (size > 0x1.fffffep0f) {
          size = size * 0.5f;
          exponent = exponent + 1;
        }
        // Digits that are rounded up to 2 count one exponent further, to infinity at last.
        float digits = (size + 0x1p16f) - 0x1p16f;
        bits = exponent * 128 + (int) (digits * 128f) - 128;
      }
      int sign = 0;
      if (x < 0) {
        sign = SIGN;
      }
      // Of −0, which is not less than 0.
      if (1 / x < 0) {
        sign = SIGN;
      }
      bits = bits + sign;
    }
    return bits;
  }
}
