package dev.warpwright.kernels.cpu.moe;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The exponential of whole arrays.
 *
 * <p>{@code VectorOperators.EXP} would do, but it rounds differently in interpreted and in compiled
 * code and from one machine to the next. This one is made of operations that IEEE 754 defines to
 * the last bit.
 */
final class VectorExp {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  /** Elements of a vector: array kernels of this package may write as many past an end. */
  static final int PADDING = F.length();

  private static final float LOG2_E = 1.442695f;

  /** ln 2 as the sum of two floats. */
  private static final float LN2_HIGH = 0.6931472f;

  private static final float LN2_LOW = -1.9046542e-9f;

  /** Adding 1.5 · 2²³ leaves the nearest integer in the low bits of the sum. */
  private static final float ROUNDER = 12_582_912f;

  /** Outside of these limits the exponential is 0 or ∞ in F32. */
  private static final float LEAST = -110f;

  private static final float MOST = 100f;

  private VectorExp() {}

  /** The first multiple of the padding that is not below {@code count}. */
  static int padded(int count) {
    return Math.ceilDiv(count, PADDING) * PADDING;
  }

  /**
   * Replaces {@code a[from … to − 1]} by their exponentials, off by 2 units in the last place at
   * most. Elements behind {@code to} up to the next full vector are overwritten.
   */
  static void exp(float[] a, int from, int to) {
    int rounderBits = Float.floatToRawIntBits(ROUNDER);
    for (int i = from; i < to; i += F.length()) {
      FloatVector x = FloatVector.fromArray(F, a, i).max(LEAST).min(MOST);
      // exp(x) = 2ⁿ exp(r) with n = rint(x / ln 2), so |r| ≤ ln 2 / 2: eight terms of the series.
      FloatVector rounded =
          x.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUNDER));
      FloatVector n = rounded.sub(ROUNDER);
      FloatVector r = n.fma(FloatVector.broadcast(F, -LN2_HIGH), x);
      r = n.fma(FloatVector.broadcast(F, -LN2_LOW), r);
      FloatVector p = FloatVector.broadcast(F, 1f / 5040);
      p = p.fma(r, FloatVector.broadcast(F, 1f / 720));
      p = p.fma(r, FloatVector.broadcast(F, 1f / 120));
      p = p.fma(r, FloatVector.broadcast(F, 1f / 24));
      p = p.fma(r, FloatVector.broadcast(F, 1f / 6));
      p = p.fma(r, FloatVector.broadcast(F, 0.5f));
      p = p.fma(r, FloatVector.broadcast(F, 1f));
      p = p.fma(r, FloatVector.broadcast(F, 1f));
      // 2ⁿ in two factors: n reaches past the exponents of F32 where the result is subnormal or ∞.
      IntVector exponent = rounded.reinterpretAsInts().sub(rounderBits);
      IntVector half = exponent.lanewise(VectorOperators.ASHR, 1);
      IntVector rest = exponent.sub(half);
      p = p.mul(half.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      p = p.mul(rest.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      p.intoArray(a, i);
    }
  }
}
