package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.attention.KvQuantisation;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Elements of keys and values for kernels, which TornadoVM compiles them into. A pool has them in
 * floats, shorts or bytes, and its type is a constant of its kernels: what belongs to other types
 * is not compiled.
 */
final class Elements {
  static final int F32 = 0;
  static final int F16 = 1;
  static final int BF16 = 2;

  /** From here on elements are codes of one byte that a scale belongs to. */
  static final int I8 = 3;

  static final int F8E4M3 = 4;

  private static final float MOST_I8 = 127;
  private static final float MOST_SCALE_I8 = 0x1.020406p121f;

  /** Numbers from 2^23 on have no fraction: sums with this are rounded there, ties to even. */
  private static final float WHOLE = 0x1.8p23f;

  private Elements() {}

  /** The constant of a type. */
  static int type(DType dtype) {
    return switch (dtype) {
      case F32 -> F32;
      case F16 -> F16;
      case BF16 -> BF16;
      case I8 -> I8;
      case F8E4M3 -> F8E4M3;
      default -> throw new IllegalArgumentException("no pools of " + dtype);
    };
  }

  /** An element, or the number that its code stands for without its scale. */
  static float get(int type, FloatArray floats, ShortArray shorts, ByteArray bytes, int at) {
    return switch (type) {
      case F32 -> floats.get(at);
      case F16 -> HalfFloats.decode(shorts.get(at));
      case BF16 -> BrainFloats.decode(shorts.get(at));
      case I8 -> (float) bytes.get(at);
      default -> ByteFloats.decode(bytes.get(at));
    };
  }

  /** Stores an element, rounded to its type; where there are scales, one that is divided by it. */
  static void set(
      int type, FloatArray floats, ShortArray shorts, ByteArray bytes, int at, float element) {
    switch (type) {
      case F32 -> floats.set(at, element);
      case F16 -> shorts.set(at, (short) HalfFloats.encode(element));
      case BF16 -> shorts.set(at, (short) BrainFloats.encode(element));
      case I8 -> bytes.set(at, (byte) wholeCode(element));
      default -> bytes.set(at, (byte) ByteFloats.encode(element));
    }
  }

  /** Copies the bits of an element. */
  static void copy(
      int type,
      FloatArray fromFloats,
      ShortArray fromShorts,
      ByteArray fromBytes,
      int from,
      FloatArray toFloats,
      ShortArray toShorts,
      ByteArray toBytes,
      int to) {
    if (type == F32) {
      toFloats.set(to, fromFloats.get(from));
    } else if (type < I8) {
      toShorts.set(to, fromShorts.get(from));
    } else {
      toBytes.set(to, fromBytes.get(from));
    }
  }

  private static int wholeCode(float element) {
    float whole = (element + WHOLE) - WHOLE;
    if (whole > MOST_I8) {
      whole = MOST_I8;
    }
    if (whole < -MOST_I8) {
      whole = -MOST_I8;
    }
    return (int) whole;
  }

  /**
   * The scale of a vector, as {@link KvQuantisation} has it.
   *
   * @param most the largest magnitude among its numbers
   * @param bad NaN if the vector holds one, else 0
   */
  static float scale(int type, float most, float bad) {
    float scale;
    if (type == I8) {
      scale = most / MOST_I8;
      if (scale > MOST_SCALE_I8) {
        scale = MOST_SCALE_I8;
      }
    } else {
      scale = most / ByteFloats.MOST;
    }
    if (most > Float.MAX_VALUE) {
      // TornadoVM writes the constant NaN in a way that OpenCL does not know.
      scale = TornadoMath.sqrt(-most);
    }
    if (Float.isNaN(bad)) {
      scale = bad;
    }
    return scale;
  }

  /** An element divided by its scale; 0 where that is 0 or NaN. */
  static float divided(float element, float scale) {
    float quotient = 0;
    if (!Float.isNaN(scale)) {
      if (scale > 0) {
        quotient = element / scale;
      }
    }
    return quotient;
  }
}
