package dev.warpwright.tornado.attention;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/**
 * F16 for kernels, which TornadoVM compiles it into. Both ways are arithmetic that is exact,
 * because TornadoVM makes no floats of bits, and not every device has half precision.
 */
final class HalfFloats {
  private static final int INFINITY = 0x7c00;
  private static final int NAN = 0x7e00;
  private static final int SIGN = 0x8000;

  private HalfFloats() {}

  /**
   * The number of binary16 bits that were extended by their sign: an integer of eleven digits,
   * shifted to its exponent in two ranges, so that it fits 32 bits.
   */
  static float decode(int bits) {
    int exponent = (bits >> 10) & 31;
    int digits = bits & 1023;
    int shift = exponent;
    float unit = 0x1p-24f;
    if (exponent > 0) {
      digits = digits + 1024;
      shift = exponent - 1;
    }
    if (shift > 14) {
      unit = 0x1p-9f;
      shift = shift - 15;
    }
    float size = (float) (digits << shift) * unit;
    if (exponent == 31) {
      size = Float.POSITIVE_INFINITY;
      if (digits > 1024) {
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
   * The bits of the binary16 number nearest to {@code x}, ties to even: a sum with a number whose
   * last place is that of the result is rounded there.
   */
  static int encode(float x) {
    int bits = NAN;
    if (!Float.isNaN(x)) {
      float size = TornadoMath.abs(x);
      if (size > 65519.996f) {
        bits = INFINITY;
      } else if (size < 0x1p-14f) {
        bits = (int) (((size + 0.5f) - 0.5f) * 0x1p24f);
      } else {
        float unit = 1;
        int exponent = 15;
        while (size * unit < 1) {
          unit = unit * 2;
          exponent = exponent - 1;
        }
        while (size * unit > 1.9999999f) {
          unit = unit * 0.5f;
          exponent = exponent + 1;
        }
        // Digits that are rounded up to 2 count one exponent further.
        float digits = (size * unit + 8192f) - 8192f;
        bits = exponent * 1024 + (int) (digits * 1024f) - 1024;
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
