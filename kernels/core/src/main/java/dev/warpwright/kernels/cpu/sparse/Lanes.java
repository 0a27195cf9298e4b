package dev.warpwright.kernels.cpu.sparse;

import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** The vectors that layouts are made for: the widest of this machine. */
final class Lanes {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

  /** 32-bit lanes in one vector; the width of all layouts. */
  static final int COUNT = FLOATS.length();

  static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());

  /** As many 16-bit lanes. */
  static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  // The compiler loads a constant vector anew for each use, which costs more than the arithmetic it
  // is for. Elements of arrays are no constants to it: broadcast once before a loop, they stay in
  // registers.
  private static final int[] NIBBLE = {0xF, 0xF0};
  private static final int[] EXPONENT = {150 << 23, 146 << 23};
  private static final float[] ZERO = {0x1p23f + 8, 0x1p19f + 8};
  private static final int[] UPPER_HALF = {0xFFFF0000};
  private static final int[] F16_BITS = {0x8FFFE000};
  private static final float[] F16_SCALE = {0x1p112f};

  private static final VectorShuffle<Float> FOLD_8 = fold(8);
  private static final VectorShuffle<Float> FOLD_4 = fold(4);
  private static final VectorShuffle<Float> FOLD_2 = fold(2);

  private Lanes() {}

  /** Selects nibble {@code j} of a word, {@code j} is 0 or 1. */
  static IntVector nibble(int j) {
    return IntVector.broadcast(INTS, NIBBLE[j]);
  }

  /**
   * Put before the bits of nibble {@code j}, makes them the float 2^(23−4j) + nibble: the exponent
   * gives the nibble's lowest bit the weight 1.
   */
  static IntVector exponent(int j) {
    return IntVector.broadcast(INTS, EXPONENT[j]);
  }

  /** Taken from such a float, leaves the weight: nibble − 8, exactly. */
  static FloatVector zero(int j) {
    return FloatVector.broadcast(FLOATS, ZERO[j]);
  }

  /** Selects the upper 16 bits. */
  static IntVector upperHalf() {
    return IntVector.broadcast(INTS, UPPER_HALF[0]);
  }

  /**
   * Keeps sign, exponent and fraction of a finite F16 that was moved to the upper half of a word
   * and shifted right by 3, sign extended.
   */
  static IntVector f16Bits() {
    return IntVector.broadcast(INTS, F16_BITS[0]);
  }

  /** Corrects the exponent of those bits as a float; exact for subnormal numbers too. */
  static FloatVector f16Scale() {
    return FloatVector.broadcast(FLOATS, F16_SCALE[0]);
  }

  /** The sum of all lanes, in an order that does not depend on how the code is compiled. */
  static float sum(FloatVector v) {
    FloatVector sum = v;
    if (COUNT > 8) {
      sum = sum.add(sum.rearrange(FOLD_8));
    }
    if (COUNT > 4) {
      sum = sum.add(sum.rearrange(FOLD_4));
    }
    if (COUNT > 2) {
      sum = sum.add(sum.rearrange(FOLD_2));
    }
    return sum.lane(0) + sum.lane(1);
  }

  private static VectorShuffle<Float> fold(int distance) {
    return VectorShuffle.fromOp(FLOATS, lane -> (lane ^ distance) & (COUNT - 1));
  }
}
