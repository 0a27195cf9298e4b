package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of activated gates and ups, on arrays. Like {@link VectorExp} they may write past {@code
 * to}, up to the next full vector.
 */
final class GatedActivation {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  private static final float SQRT_HALF = 0.70710677f;

  /**
   * erfc(z) = t P(t) exp(−z²) with t = 1 / (1 + z/2), coefficients of P from the lowest power up:
   * least squares at Chebyshev nodes, off by 1e-7 of the value at most.
   */
  private static final float[] ERFC = {
    0.2820948f,
    0.28209317f,
    0.24689654f,
    0.17520264f,
    0.094062485f,
    -0.061140805f,
    0.13609241f,
    -0.4600148f,
    0.49768725f,
    -0.23650752f,
    0.043533828f
  };

  private GatedActivation() {}

  /**
   * {@code gate[i] = act(gate[i]) · up[i]}; {@code scratch} has room for {@code to − from} elements
   * and one vector.
   */
  static void apply(
      Activation activation, float[] gate, float[] up, int from, int to, float[] scratch) {
    switch (activation) {
      case NONE -> {}
      case SWIGLU -> swiglu(gate, up, from, to, scratch);
      case GEGLU -> geglu(gate, up, from, to, scratch);
    }
  }

  private static void swiglu(float[] gate, float[] up, int from, int to, float[] scratch) {
    for (int i = from; i < to; i += F.length()) {
      FloatVector.fromArray(F, gate, i).neg().intoArray(scratch, i - from);
    }
    VectorExp.exp(scratch, 0, to - from);
    for (int i = from; i < to; i += F.length()) {
      FloatVector a = FloatVector.fromArray(F, gate, i);
      a.div(FloatVector.fromArray(F, scratch, i - from).add(1f))
          .mul(FloatVector.fromArray(F, up, i))
          .intoArray(gate, i);
    }
  }

  private static void geglu(float[] gate, float[] up, int from, int to, float[] scratch) {
    for (int i = from; i < to; i += F.length()) {
      FloatVector z = FloatVector.fromArray(F, gate, i).mul(SQRT_HALF);
      z.mul(z).neg().intoArray(scratch, i - from);
    }
    VectorExp.exp(scratch, 0, to - from);
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = from; i < to; i += F.length()) {
      FloatVector a = FloatVector.fromArray(F, gate, i);
      FloatVector z = a.mul(SQRT_HALF).lanewise(VectorOperators.ABS);
      FloatVector t = one.div(z.mul(0.5f).add(1f));
      FloatVector p = FloatVector.broadcast(F, ERFC[ERFC.length - 1]);
      for (int c = ERFC.length - 2; c >= 0; c--) {
        p = p.fma(t, FloatVector.broadcast(F, ERFC[c]));
      }
      // Half of erfc(|z|) is the normal distribution's tail: nothing cancels where a is negative.
      FloatVector tail = p.mul(t).mul(FloatVector.fromArray(F, scratch, i - from)).mul(0.5f);
      FloatVector share = one.sub(tail).blend(tail, a.test(VectorOperators.IS_NEGATIVE));
      a.mul(share).mul(FloatVector.fromArray(F, up, i)).intoArray(gate, i);
    }
  }
}
