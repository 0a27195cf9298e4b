package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.Rope;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * One thread's sines and cosines: those of the last turn, and those of a block of slots {@code
 * [pair, 16]}. Neighbouring slots mostly turn by the same angles, from one block to the next.
 */
final class KeyTurn {
  private static final int BLOCK = Lanes.BLOCK;

  private final Rope rope;
  private final double[] frequencies;
  private final float[] cos;
  private final float[] sin;
  private int last;

  /** By how much each slot of the block turns. */
  private final int[] deltas = new int[BLOCK];

  private final float[] blockCos;
  private final float[] blockSin;

  KeyTurn(Rope rope) {
    this.rope = rope;
    int pairs = rope.style() == Rope.Style.NONE ? 0 : rope.rotaryDim() / 2;
    frequencies = new double[pairs];
    for (int pair = 0; pair < pairs; pair++) {
      // The position multiplies last in Rope.angle, so position 1 gives the frequency itself.
      frequencies[pair] = rope.angle(pair, 1);
    }
    cos = new float[pairs];
    sin = new float[pairs];
    blockCos = new float[pairs * BLOCK];
    blockSin = new float[pairs * BLOCK];
    Arrays.fill(cos, 1);
    Arrays.fill(blockCos, 1);
  }

  long bytes() {
    return (long) Double.BYTES * frequencies.length
        + 2L * Float.BYTES * (cos.length + blockCos.length)
        + Integer.BYTES * BLOCK;
  }

  /** Sets by how much a slot of the block turns. */
  void set(int slot, int delta) {
    if (deltas[slot] == delta) {
      return;
    }
    find(delta);
    for (int pair = 0; pair < cos.length; pair++) {
      blockCos[pair * BLOCK + slot] = cos[pair];
      blockSin[pair * BLOCK + slot] = sin[pair];
    }
    deltas[slot] = delta;
  }

  private void find(int delta) {
    for (int pair = 0; pair < cos.length && delta != last; pair++) {
      double angle = delta * frequencies[pair];
      cos[pair] = (float) Math.cos(angle);
      sin[pair] = (float) Math.sin(angle);
    }
    last = delta;
  }

  /** Turns one key. */
  void apply(int delta, float[] key) {
    find(delta);
    for (int pair = 0; pair < cos.length; pair++) {
      int first = rope.first(pair);
      int second = rope.second(pair);
      float a = key[first];
      float b = key[second];
      key[first] = a * cos[pair] - b * sin[pair];
      key[second] = b * cos[pair] + a * sin[pair];
    }
  }

  /** Turns a block of keys, {@code [headDim, 16]}. */
  void apply(float[] keys) {
    for (int pair = 0; pair < cos.length; pair++) {
      int first = rope.first(pair) * BLOCK;
      int second = rope.second(pair) * BLOCK;
      for (int lane = 0; lane < BLOCK; lane += Lanes.COUNT) {
        FloatVector c = FloatVector.fromArray(Lanes.F, blockCos, pair * BLOCK + lane);
        FloatVector s = FloatVector.fromArray(Lanes.F, blockSin, pair * BLOCK + lane);
        FloatVector a = FloatVector.fromArray(Lanes.F, keys, first + lane);
        FloatVector b = FloatVector.fromArray(Lanes.F, keys, second + lane);
        a.mul(c).sub(b.mul(s)).intoArray(keys, first + lane);
        b.mul(c).add(a.mul(s)).intoArray(keys, second + lane);
      }
    }
  }
}
