package dev.warpwright.kernels;

/**
 * Exact conversions between F32 and the narrow float formats. Narrowing rounds to nearest, ties to
 * even, and keeps subnormals; NaN stays a quiet NaN. F16 conversions are {@link
 * Float#floatToFloat16} and {@link Float#float16ToFloat}.
 */
public final class FloatFormats {
  private static final float[] F8E4M3_VALUES = new float[256];

  static {
    for (int bits = 0; bits < 256; bits++) {
      F8E4M3_VALUES[bits] = f8e4m3ToFloat((byte) bits);
    }
  }

  private FloatFormats() {}

  /** Largest finite F8E4M3 value. */
  public static final float F8E4M3_MAX = 448f;

  /** The F32 value of BF16 bits; exact. */
  public static float bf16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** BF16 bits nearest to {@code value}; overflow gives infinity. */
  public static short floatToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    // Adding half an ulp less one, plus one more when the kept part is odd, rounds ties to even.
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The F32 value of F8E4M3 bits; exact. */
  public static float f8e4m3ToFloat(byte bits) {
    int magnitude = bits & 0x7F;
    float value;
    if (magnitude == 0x7F) {
      return Float.NaN;
    } else if (magnitude < 8) {
      value = magnitude * 0x1p-9f;
    } else {
      value = Float.intBitsToFloat((magnitude << 20) + (120 << 23));
    }
    return bits < 0 ? -value : value;
  }

  /**
   * F8E4M3 bits nearest to {@code value}; magnitudes above 448, infinities included, saturate to
   * 448.
   */
  public static byte floatToF8e4m3(float value) {
    int sign = (Float.floatToRawIntBits(value) >>> 24) & 0x80;
    if (Float.isNaN(value)) {
      return (byte) (sign | 0x7F);
    }
    float magnitude = Math.min(Math.abs(value), F8E4M3_MAX);
    int bits;
    if (magnitude < 0x1p-6f) {
      // Subnormals are multiples of 2^-9; rint rounds ties to even, and a carry to 8 is the
      // smallest normal.
      bits = (int) Math.rint(magnitude * 0x1p9);
    } else {
      int raw = Float.floatToRawIntBits(magnitude);
      int rounded = raw + 0x7FFFF + ((raw >>> 20) & 1);
      bits = Math.min((rounded >>> 20) - (120 << 3), 0x7E);
    }
    return (byte) (sign | bits);
  }

  /** The F32 values of {@code count} F16 numbers; exact. */
  public static void f16ToFloat(short[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = Float.float16ToFloat(from[i]);
    }
  }

  /** The F32 values of {@code count} BF16 numbers; exact. */
  public static void bf16ToFloat(short[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = Float.intBitsToFloat(from[i] << 16);
    }
  }

  /** F16 bits nearest to each of {@code count} values. */
  public static void floatToF16(float[] from, short[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = Float.floatToFloat16(from[i]);
    }
  }

  /** BF16 bits nearest to each of {@code count} values. */
  public static void floatToBf16(float[] from, short[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = floatToBf16(from[i]);
    }
  }

  /** The F32 values of {@code count} F8E4M3 numbers; exact. */
  public static void f8e4m3ToFloat(byte[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = F8E4M3_VALUES[from[i] & 0xFF];
    }
  }

  /** F8E4M3 bits nearest to each of {@code count} values. */
  public static void floatToF8e4m3(float[] from, byte[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = floatToF8e4m3(from[i]);
    }
  }
}
