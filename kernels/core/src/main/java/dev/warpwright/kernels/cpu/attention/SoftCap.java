package dev.warpwright.kernels.cpu.attention;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** cap · tanh(s / cap), from {@link Exp}. */
final class SoftCap {
  private SoftCap() {}

  /**
   * Replaces {@code s[from … to − 1]}, whole vectors.
   *
   * @param scratch as long as they are
   */
  static void apply(float[] s, int from, int to, float cap, float[] scratch) {
    for (int i = from; i < to; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.F, s, i).abs().mul(-2 / cap).intoArray(scratch, i - from);
    }
    Exp.exp(scratch, 0, to - from);
    for (int i = from; i < to; i += Lanes.COUNT) {
      // tanh|x| = (1 − e^(−2|x|)) / (1 + e^(−2|x|))
      FloatVector e = FloatVector.fromArray(Lanes.F, scratch, i - from);
      FloatVector tanh = e.neg().add(1).div(e.add(1)).mul(cap);
      FloatVector x = FloatVector.fromArray(Lanes.F, s, i);
      tanh.blend(tanh.neg(), x.compare(VectorOperators.LT, 0)).intoArray(s, i);
    }
  }
}
