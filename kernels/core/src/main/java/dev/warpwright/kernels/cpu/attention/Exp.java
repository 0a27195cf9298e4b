package dev.warpwright.kernels.cpu.attention;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * e^x for x ≤ 0 with an error of about one unit in the last place; exactly 0 below −87.3, and for
 * −∞. Made of correctly rounded operations only: {@code lanewise(EXP)} gives other bits before a
 * loop is compiled than after it, and results must not depend on that.
 */
final class Exp {
  private static final float LEAST = -87.3f;
  private static final float LOG2_E = 0x1.715476p0f;

  /** ln 2 in two parts, the first short enough to be multiplied without rounding. */
  private static final float LN2_HIGH = 0x1.62e4p-1f;

  private static final float LN2_LOW = 0x1.7f7d1cp-20f;

  /** 1.5 · 2^23: adding it rounds to an integer, which then stands in the low bits. */
  private static final float ROUND = 0x1.8p23f;

  private Exp() {}

  /**
   * Replaces {@code a[from … to − 1]} by their exponentials, and what is behind them up to the next
   * full vector by anything. Whole arrays, because a vector that is given to a method which the
   * compiler does not inline becomes an object.
   */
  static void exp(float[] a, int from, int to) {
    for (int i = from; i < to; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.F, a, i);
      FloatVector bounded = x.max(LEAST);
      FloatVector rounded =
          bounded.fma(
              FloatVector.broadcast(Lanes.F, LOG2_E), FloatVector.broadcast(Lanes.F, ROUND));
      FloatVector n = rounded.sub(ROUND);
      FloatVector r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_HIGH), bounded);
      r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_LOW), r);
      // The Taylor series to the 7th power: |r| ≤ ln(2)/2 leaves 5e-9 of the rest.
      FloatVector p =
          r.fma(
              FloatVector.broadcast(Lanes.F, 1 / 5040f), FloatVector.broadcast(Lanes.F, 1 / 720f));
      p = p.fma(r, FloatVector.broadcast(Lanes.F, 1 / 120f));
      p = p.fma(r, FloatVector.broadcast(Lanes.F, 1 / 24f));
      p = p.fma(r, FloatVector.broadcast(Lanes.F, 1 / 6f));
      p = p.fma(r, FloatVector.broadcast(Lanes.F, 1 / 2f));
      p = p.fma(r, FloatVector.broadcast(Lanes.F, 1f));
      p = p.fma(r, FloatVector.broadcast(Lanes.F, 1f));
      FloatVector power =
          rounded
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, 23)
              .add(Float.floatToRawIntBits(1))
              .reinterpretAsFloats();
      p.mul(power).blend(0, x.compare(VectorOperators.LT, LEAST)).intoArray(a, i);
    }
  }
}
