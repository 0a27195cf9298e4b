package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.FloatFormats;

/**
 * How keys and values become codes of one byte: each has a scale of its own, so that its largest
 * magnitude is the largest code.
 *
 * <pre>
 *   scale = min(max |x| / 127, 0x1.020406p121) (I8) or max |x| / 448 (F8E4M3)
 *   code  = x / scale, rounded to nearest even
 *   value = code · scale
 * </pre>
 *
 * <p>Each quotient and product is rounded once to F32. The bound is the largest scale whose product
 * with 127 is finite: the quotient of the largest F32 numbers is rounded up beyond it. A vector of
 * zeros has scale 0; one that holds NaN or an infinity has scale NaN and codes 0, so that all of
 * its values are NaN.
 */
public final class KvQuantisation {
  private static final float MOST_I8 = 127;
  private static final float MOST_SCALE_I8 = 0x1.020406p121f;

  private KvQuantisation() {}

  /** Whether pools of this type keep codes and scales. */
  public static boolean applies(DType dtype) {
    return dtype == DType.I8 || dtype == DType.F8E4M3;
  }

  /** The scale of a vector. */
  public static float scale(DType dtype, float[] vector) {
    float most = 0;
    for (float x : vector) {
      most = Math.max(most, Math.abs(x));
    }
    if (!(most < Float.POSITIVE_INFINITY)) {
      return Float.NaN;
    }
    return dtype == DType.I8
        ? Math.min(most / MOST_I8, MOST_SCALE_I8)
        : most / FloatFormats.F8E4M3_MAX;
  }

  /** The code of an element. */
  public static byte code(DType dtype, float x, float scale) {
    if (scale == 0 || Float.isNaN(scale)) {
      return 0;
    }
    float scaled = x / scale;
    return dtype == DType.I8
        ? (byte) Math.clamp(Math.rint(scaled), -MOST_I8, MOST_I8)
        : FloatFormats.floatToF8e4m3(scaled);
  }

  /** The value of a code. */
  public static float value(DType dtype, byte code, float scale) {
    return (dtype == DType.I8 ? code : FloatFormats.f8e4m3ToFloat(code)) * scale;
  }
}
