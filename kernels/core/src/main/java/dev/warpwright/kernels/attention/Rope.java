package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;

/**
 * Rotary position embedding of queries and keys.
 *
 * <p>Pair i of a head at position p is turned by the angle {@code p · theta^(−2i / rotaryDim)}: (a,
 * b) becomes (a·cos − b·sin, b·cos + a·sin). With {@link Style#ROTATE_HALF} pair i is elements (i,
 * i + rotaryDim/2), with {@link Style#INTERLEAVED} elements (2i, 2i + 1). Elements from {@code
 * rotaryDim} on stay as they are. Angles, sines and cosines are computed in double and rounded once
 * to F32.
 *
 * @param style which elements make a pair, or {@link Style#NONE}
 * @param rotaryDim elements of a head that are rotated; even
 * @param theta base of the frequencies
 */
public record Rope(Style style, int rotaryDim, double theta) {
  /** No rotation. */
  public static final Rope NONE = new Rope(Style.NONE, 0, 1);

  /** Which elements of a head make a pair. */
  public enum Style {
    /** Nothing is rotated. */
    NONE,
    /** Elements i and i + rotaryDim/2 (Llama, Mixtral in the usual checkpoint layout). */
    ROTATE_HALF,
    /** Elements 2i and 2i + 1 (GPT-J). */
    INTERLEAVED
  }

  /** Checks the values. */
  public Rope {
    Checks.notNull("style", style);
    Checks.between("rotaryDim", rotaryDim, style == Style.NONE ? 0 : 2, KvPoolSpec.MAX_HEAD_DIM);
    Checks.multipleOf("rotaryDim", rotaryDim, 2);
    Checks.that(
        theta >= 1 && theta <= Float.MAX_VALUE, "theta", theta, "a finite number of at least 1");
  }

  /** Pairs (i, i + rotaryDim/2) of all of a head. */
  public static Rope rotateHalf(int rotaryDim, double theta) {
    return new Rope(Style.ROTATE_HALF, rotaryDim, theta);
  }

  /** Pairs (2i, 2i + 1) of all of a head. */
  public static Rope interleaved(int rotaryDim, double theta) {
    return new Rope(Style.INTERLEAVED, rotaryDim, theta);
  }

  /** The angle of pair {@code i} at {@code position}, in radians. */
  public double angle(int i, int position) {
    return position * Math.pow(theta, -2.0 * i / rotaryDim);
  }

  /** Element of pair {@code i} that is multiplied by the cosine first. */
  public int first(int i) {
    return style == Style.INTERLEAVED ? 2 * i : i;
  }

  /** The other element of pair {@code i}. */
  public int second(int i) {
    return style == Style.INTERLEAVED ? 2 * i + 1 : i + rotaryDim / 2;
  }

  /** Refuses a rotation wider than the head. */
  void require(int headDim) {
    Checks.that(rotaryDim <= headDim, "rope.rotaryDim", rotaryDim, "at most headDim " + headDim);
  }
}
