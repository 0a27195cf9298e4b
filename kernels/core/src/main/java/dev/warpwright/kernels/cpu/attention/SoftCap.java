package dev.warpwright.kernels.cpu.attention;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** cap · tanh(s / cap), from {@link Exp}. */
final class SoftCap {
  private SoftCap() {}

  static FloatVector apply(FloatVector s, float cap) {
    // tanh|x| = (1 − e^(−2|x|)) / (1 + e^(−2|x|))
    FloatVector e = Exp.exp(s.abs().mul(-2 / cap));
    FloatVector tanh = e.neg().add(1).div(e.add(1)).mul(cap);
    return tanh.blend(tanh.neg(), s.compare(VectorOperators.LT, 0));
  }
}
