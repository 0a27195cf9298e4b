package dev.warpwright.softgpu.sim;

/** Rounding to narrow binary floating-point formats. */
final class Formats {
  /** Rounding modes by their PTX names. */
  enum Rounding {
    /** To nearest, ties to even. */
    RN,
    /** To nearest, ties away from zero. */
    RNA,
    /** Towards zero. */
    RZ,
    /** Downwards. */
    RM,
    /** Upwards. */
    RP;

    /** Rounds to an integer. */
    double apply(double x) {
      return switch (this) {
        case RN -> Math.rint(x);
        case RNA -> Math.copySign(Math.floor(Math.abs(x) + 0.5), x);
        case RZ -> x < 0 ? Math.ceil(x) : Math.floor(x);
        case RM -> Math.floor(x);
        case RP -> Math.ceil(x);
      };
    }
  }

  /**
   * A format with a sign bit.
   *
   * @param mantissa explicit bits of the mantissa
   * @param exponent bits of the exponent
   * @param infinity whether it has infinities; e4m3 uses their codes for numbers
   */
  record Format(int mantissa, int exponent, boolean infinity) {
    int bias() {
      return (1 << (exponent - 1)) - 1;
    }

    /** The largest finite number's code without sign. */
    int largest() {
      return infinity
          ? (((1 << exponent) - 2) << mantissa) | ((1 << mantissa) - 1)
          : (1 << (mantissa + exponent)) - 2;
    }

    int nan() {
      return (1 << (mantissa + exponent)) - 1;
    }

    int sign() {
      return 1 << (mantissa + exponent);
    }
  }

  static final Format F16 = new Format(10, 5, true);
  static final Format BF16 = new Format(7, 8, true);
  static final Format E4M3 = new Format(3, 4, false);
  static final Format E5M2 = new Format(2, 5, true);
  static final Format TF32 = new Format(10, 8, true);

  private Formats() {}

  /** Rounds a number; {@code finite} keeps overflows at the largest finite number. */
  static int round(double x, Format format, Rounding rounding, boolean finite) {
    if (Double.isNaN(x)) {
      return format.nan();
    }
    int sign = Double.doubleToRawLongBits(x) < 0 ? format.sign() : 0;
    double size = Math.abs(x);
    int overflow = format.infinity && !finite ? format.largest() + 1 : format.largest();
    if (Double.isInfinite(size)) {
      return sign | (finite || format.infinity ? overflow : format.nan());
    }
    int least = 1 - format.bias();
    int exponent = Math.max(size == 0 ? least : Math.getExponent(size), least);
    double unit = Math.scalb(1.0, exponent - format.mantissa);
    double steps = Math.abs(rounding.apply(x / unit));
    // With the hidden bit, an overflow of the mantissa carries into the exponent by itself.
    long code = (long) steps + ((long) (exponent - least) << format.mantissa);
    if (code > format.largest()) {
      boolean away =
          switch (rounding) {
            case RN, RNA -> true;
            case RZ -> false;
            case RM -> sign != 0;
            case RP -> sign == 0;
          };
      if (!format.infinity && !finite) {
        return sign | format.nan();
      }
      return sign | (away ? overflow : format.largest());
    }
    return sign | (int) code;
  }

  /** The number that a code stands for. */
  static double value(int code, Format format) {
    int field = code & (format.sign() - 1);
    boolean negative = (code & format.sign()) != 0;
    double size;
    if (format.infinity && field > format.largest()) {
      size = field == format.largest() + 1 ? Double.POSITIVE_INFINITY : Double.NaN;
    } else if (!format.infinity && field == format.nan()) {
      size = Double.NaN;
    } else {
      int exponent = field >> format.mantissa;
      long mantissa = field & ((1 << format.mantissa) - 1);
      if (exponent > 0) {
        mantissa |= 1L << format.mantissa;
      }
      size = Math.scalb((double) mantissa, Math.max(exponent, 1) - format.bias() - format.mantissa);
    }
    return negative ? -size : size;
  }

  static float half(int code) {
    return Float.float16ToFloat((short) code);
  }

  static float brain(int code) {
    return Float.intBitsToFloat(code << 16);
  }

  /**
   * a*b+c with one error below the last bit of a double turned into an odd last bit, so that a
   * second rounding to a narrow format is right. a*b must be exact in double.
   */
  static double fusedToOdd(double a, double b, double c) {
    double product = a * b;
    double sum = product + c;
    if (Double.isNaN(sum) || Double.isInfinite(sum)) {
      return sum;
    }
    double back = sum - product;
    double error = (product - (sum - back)) + (c - back);
    if (error == 0 || (Double.doubleToRawLongBits(sum) & 1) != 0) {
      return sum;
    }
    return error > 0 ? Math.nextUp(sum) : Math.nextDown(sum);
  }
}
