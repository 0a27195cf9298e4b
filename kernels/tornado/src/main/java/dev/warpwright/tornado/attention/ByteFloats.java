package dev.warpwright.tornado.attention;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/** F8E4M3 for kernels, as {@link HalfFloats} does F16: by arithmetic that is exact. */
final class ByteFloats {
  /** The largest number. */
  static final float MOST = 448;

  private static final int NAN = 0x7f;
  private static final int SIGN = 0x80;

  private ByteFloats() {}

  /** The number of F8E4M3 bits that were extended by their sign: an integer times 2^−9. */
  static float decode(int bits) {
    int exponent = (bits >> 3) & 15;
    int digits = bits & 7;
    int shift = 0;
    if (exponent > 0) {
      digits = digits + 8;
      shift = exponent - 1;
    }
    float size = (float) (digits << shift) * 0x1p-9f;
    if (exponent == 15) {
      if (digits == 15) {
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
   * The bits of the F8E4M3 number nearest to {@code x}, ties to even, 448 for what is larger: a sum
   * with a number whose last place is that of the result is rounded there.
   */
  static int encode(float x) {
    int bits = NAN;
    if (!Float.isNaN(x)) {
      float size = TornadoMath.abs(x);
      if (size > MOST) {
        size = MOST;
      }
      if (size < 0x1p-6f) {
        bits = (int) ((size * 0x1p9f + 0x1p23f) - 0x1p23f);
      } else {
        int exponent = 7;
        while (size < 1) {
          size = size * 2;
          exponent = exponent - 1;
        }
        while (size > 0x1.fffffep0f) {
          size = size * 0.5f;
          exponent = exponent + 1;
        }
        // Digits that are rounded up to 2 count one exponent further.
        float digits = (size + 0x1p20f) - 0x1p20f;
        bits = exponent * 8 + (int) (digits * 8f) - 8;
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
