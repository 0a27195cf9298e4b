package dev.warpwright.kernels.cpu.attention;

import java.util.Arrays;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * One thread's search for neighbours that are alike: dot products of the keys of up to a block of
 * slots with those before them, and with themselves. Each sum is in the order of elements, those of
 * several slots are in one vector. Products of two floats are exact in double, so that they may as
 * well be fused.
 */
final class KeyLikeness {
  private static final int BLOCK = Lanes.BLOCK;
  private static final int COUNT = Lanes.COUNT;
  private static final VectorSpecies<Double> D =
      VectorSpecies.of(double.class, Lanes.F.vectorShape());
  private static final int HALF = D.length();

  /** Each lane from the one below; the lowest, whose neighbour is elsewhere, from itself. */
  private static final VectorShuffle<Float> BELOW =
      VectorShuffle.fromOp(Lanes.F, lane -> Math.max(0, lane - 1));

  private final float[] last;
  private double lastSquare;
  private final double[] dots = new double[BLOCK];
  private final double[] squares = new double[BLOCK];
  private final double[] befores = new double[BLOCK];

  /** For keys of {@code headDim} elements. */
  KeyLikeness(int headDim) {
    last = new float[headDim];
  }

  /** Bytes of the room. */
  long bytes() {
    return (long) Float.BYTES * last.length + 3L * Double.BYTES * BLOCK;
  }

  /** Starts a row: its first slot is like none before. */
  void begin() {
    Arrays.fill(last, 0);
    lastSquare = 0;
  }

  /** Takes the next slot. */
  void next(float[] key) {
    double dot = 0;
    double square = 0;
    for (int dim = 0; dim < key.length; dim++) {
      double x = key[dim];
      dot += x * last[dim];
      square += x * x;
    }
    dots[0] = dot;
    squares[0] = square;
    befores[0] = lastSquare;
    lastSquare = square;
    System.arraycopy(key, 0, last, 0, key.length);
  }

  /** Takes the next {@code count} slots, the first ones of a block {@code [headDim, 16]}. */
  void next(float[] keys, int count) {
    for (int lane = 0; lane < count; lane += COUNT) {
      add(keys, lane);
    }
    befores[0] = lastSquare;
    System.arraycopy(squares, 0, befores, 1, count - 1);
    lastSquare = squares[count - 1];
    for (int dim = 0; dim < last.length; dim++) {
      last[dim] = keys[dim * BLOCK + count - 1];
    }
  }

  private void add(float[] keys, int lane) {
    DoubleVector dotLow = DoubleVector.zero(D);
    DoubleVector dotHigh = dotLow;
    DoubleVector squareLow = dotLow;
    DoubleVector squareHigh = dotLow;
    double first = 0;
    for (int dim = 0; dim < last.length; dim++) {
      int at = dim * BLOCK + lane;
      FloatVector key = FloatVector.fromArray(Lanes.F, keys, at);
      FloatVector before = key.rearrange(BELOW);
      DoubleVector low = (DoubleVector) key.convertShape(VectorOperators.F2D, D, 0);
      DoubleVector high = (DoubleVector) key.convertShape(VectorOperators.F2D, D, 1);
      DoubleVector beforeLow = (DoubleVector) before.convertShape(VectorOperators.F2D, D, 0);
      DoubleVector beforeHigh = (DoubleVector) before.convertShape(VectorOperators.F2D, D, 1);
      dotLow = low.fma(beforeLow, dotLow);
      dotHigh = high.fma(beforeHigh, dotHigh);
      squareLow = low.fma(low, squareLow);
      squareHigh = high.fma(high, squareHigh);
      double other = lane == 0 ? last[dim] : keys[at - 1];
      first += other * keys[at];
    }
    dotLow.intoArray(dots, lane);
    dotHigh.intoArray(dots, lane + HALF);
    squareLow.intoArray(squares, lane);
    squareHigh.intoArray(squares, lane + HALF);
    dots[lane] = first;
  }

  /** Whether one of the slots that were taken last is like the one before it. */
  boolean isLike(int slot, double threshold) {
    double first = befores[slot];
    double second = squares[slot];
    return first > 0 && second > 0 && dots[slot] >= threshold * Math.sqrt(first * second);
  }
}
