package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.moe.RouteSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Routing of one token, and the scratch memory for it. Used by one thread at a time. */
final class RouteScores {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = F.withLanes(int.class);

  /** Key of what may not be chosen, and that of NaN: both below the key of −∞. */
  private static final int EXCLUDED = Integer.MIN_VALUE;

  private static final int NAN = Integer.MIN_VALUE + 1;

  private final RouteSpec spec;
  private final float[] bias;
  private final float[] probabilities;

  /** Scores as integers of the same order, see {@link #rank}. */
  private final int[] keys;

  private final int[] groupKeys;
  private final float[] lanes = new float[F.length()];
  private final int[] chosen;
  private final float[] chosenWeights;

  /** Scratch memory; {@code bias} is read at each token. */
  RouteScores(RouteSpec spec, float[] bias) {
    this.spec = spec;
    this.bias = bias;
    probabilities = new float[VectorExp.padded(spec.experts())];
    keys = new int[VectorExp.padded(spec.experts())];
    groupKeys = new int[VectorExp.padded(spec.groups())];
    chosen = new int[spec.topK()];
    chosenWeights = new float[spec.topK()];
  }

  static long bytes(RouteSpec spec) {
    return 8L * VectorExp.padded(spec.experts())
        + 4L * VectorExp.padded(spec.groups())
        + 8L * spec.topK();
  }

  void route(long token, MemorySegment logits, MemorySegment ids, MemorySegment weights) {
    MemorySegment.copy(
        logits,
        ValueLayout.JAVA_FLOAT_UNALIGNED,
        token * spec.experts() * 4,
        probabilities,
        0,
        spec.experts());
    Arrays.fill(probabilities, spec.experts(), probabilities.length, Float.NEGATIVE_INFINITY);
    switch (spec.scoring()) {
      case SOFTMAX -> softmax();
      case SIGMOID -> sigmoid();
    }
    rank();
    if (spec.keptGroups() < spec.groups()) {
      excludeGroups();
    }
    choose();
    long at = token * spec.topK() * 4;
    MemorySegment.copy(chosen, 0, ids, ValueLayout.JAVA_INT_UNALIGNED, at, chosen.length);
    MemorySegment.copy(
        chosenWeights, 0, weights, ValueLayout.JAVA_FLOAT_UNALIGNED, at, chosen.length);
  }

  private void softmax() {
    float[] p = probabilities;
    FloatVector most = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int e = 0; e < p.length; e += F.length()) {
      most = most.max(FloatVector.fromArray(F, p, e));
    }
    float shift = most.reduceLanes(VectorOperators.MAX);
    for (int e = 0; e < p.length; e += F.length()) {
      FloatVector.fromArray(F, p, e).sub(shift).intoArray(p, e);
    }
    VectorExp.exp(p, 0, p.length);
    FloatVector sums = FloatVector.zero(F);
    for (int e = 0; e < p.length; e += F.length()) {
      sums = sums.add(FloatVector.fromArray(F, p, e));
    }
    // Not reduceLanes: its order of additions is unspecified, and other before compilation.
    sums.intoArray(lanes, 0);
    float sum = 0;
    for (float lane : lanes) {
      sum += lane;
    }
    for (int e = 0; e < p.length; e += F.length()) {
      FloatVector.fromArray(F, p, e).div(sum).intoArray(p, e);
    }
  }

  private void sigmoid() {
    float[] p = probabilities;
    for (int e = 0; e < p.length; e += F.length()) {
      FloatVector.fromArray(F, p, e).neg().intoArray(p, e);
    }
    VectorExp.exp(p, 0, p.length);
    FloatVector one = FloatVector.broadcast(F, 1f);
    for (int e = 0; e < p.length; e += F.length()) {
      one.div(FloatVector.fromArray(F, p, e).add(one)).intoArray(p, e);
    }
  }

  /**
   * Turns scores into integers of the same order: the bits of a positive float rise with it, those
   * of a negative one fall, so all but its sign is inverted.
   */
  private void rank() {
    for (int e = 0; e < keys.length; e += F.length()) {
      FloatVector c = FloatVector.fromArray(F, probabilities, e);
      if (spec.biased()) {
        c = c.add(FloatVector.fromArray(F, bias, e));
      }
      IntVector bits = c.add(0f).reinterpretAsInts(); // −0 + 0 = +0
      IntVector key =
          bits.lanewise(
              VectorOperators.XOR,
              bits.lanewise(VectorOperators.ASHR, 31).lanewise(VectorOperators.LSHR, 1));
      VectorMask<Integer> isNan = c.test(VectorOperators.IS_NAN).cast(I);
      key.blend(NAN, isNan).intoArray(keys, e);
    }
    Arrays.fill(keys, spec.experts(), keys.length, EXCLUDED);
  }

  private static float score(int key) {
    return key == NAN ? Float.NaN : Float.intBitsToFloat(key ^ (key >> 31 >>> 1));
  }

  private static int key(float score) {
    int bits = Float.floatToRawIntBits(score + 0f);
    return Float.isNaN(score) ? NAN : bits ^ (bits >> 31 >>> 1);
  }

  private void excludeGroups() {
    int size = spec.experts() / spec.groups();
    Arrays.fill(groupKeys, EXCLUDED);
    for (int g = 0; g < spec.groups(); g++) {
      int first = EXCLUDED;
      int second = EXCLUDED;
      for (int e = g * size; e < (g + 1) * size; e++) {
        second = Math.max(second, Math.min(first, keys[e]));
        first = Math.max(first, keys[e]);
      }
      groupKeys[g] = size == 1 ? first : key(score(first) + score(second));
    }
    for (int i = 0; i < spec.keptGroups(); i++) {
      groupKeys[indexOfMost(groupKeys)] = EXCLUDED;
    }
    for (int g = 0; g < spec.groups(); g++) {
      if (groupKeys[g] != EXCLUDED) {
        Arrays.fill(keys, g * size, (g + 1) * size, EXCLUDED);
      }
    }
  }

  private void choose() {
    float sum = 1e-20f;
    for (int j = 0; j < chosen.length; j++) {
      int e = indexOfMost(keys);
      keys[e] = EXCLUDED;
      chosen[j] = e;
      chosenWeights[j] = probabilities[e];
      sum += probabilities[e];
    }
    for (int j = 0; j < chosen.length; j++) {
      float p = chosenWeights[j];
      chosenWeights[j] = (spec.renormalise() ? p / sum : p) * spec.scale();
    }
  }

  /** The first index of the largest key. */
  private static int indexOfMost(int[] keys) {
    IntVector most = IntVector.broadcast(I, EXCLUDED);
    for (int e = 0; e < keys.length; e += I.length()) {
      most = most.max(IntVector.fromArray(I, keys, e));
    }
    int key = most.reduceLanes(VectorOperators.MAX);
    int e = 0;
    VectorMask<Integer> found = IntVector.fromArray(I, keys, 0).eq(key);
    while (!found.anyTrue()) {
      e += I.length();
      found = IntVector.fromArray(I, keys, e).eq(key);
    }
    return e + found.firstTrue();
  }
}
