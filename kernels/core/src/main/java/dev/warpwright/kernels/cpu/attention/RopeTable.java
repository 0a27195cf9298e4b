package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;

/** Sines and cosines of all tokens of a batch, computed once a step for all layers and heads. */
final class RopeTable {
  private final Rope rope;
  private final int pairs;
  private final double[] frequencies;
  private float[] cos = new float[0];
  private float[] sin = new float[0];

  RopeTable(Rope rope) {
    this.rope = rope;
    this.pairs = rope.style() == Rope.Style.NONE ? 0 : rope.rotaryDim() / 2;
    this.frequencies = new double[pairs];
    for (int i = 0; i < pairs; i++) {
      // The position multiplies last in Rope.angle, so position 1 gives the frequency itself.
      frequencies[i] = rope.angle(i, 1);
    }
  }

  /** Bytes of the table as it is now. */
  long bytes() {
    return (long) Float.BYTES * (cos.length + sin.length) + (long) Double.BYTES * pairs;
  }

  /** Computes the table of a batch. */
  void update(PageTables batch) {
    long size = (long) batch.tokens() * pairs;
    Checks.that(
        size < Integer.MAX_VALUE - 8, "batch.tokens", batch.tokens(), "at most 2^31 rotated pairs");
    if (cos.length < size) {
      cos = new float[(int) size];
      sin = new float[(int) size];
    }
    for (int request = 0; request < batch.requests(); request++) {
      for (int i = 0; i < batch.newTokens(request) && pairs > 0; i++) {
        int position = batch.position(request, i);
        int at = (batch.tokenStart(request) + i) * pairs;
        for (int pair = 0; pair < pairs; pair++) {
          double angle = position * frequencies[pair];
          cos[at + pair] = (float) Math.cos(angle);
          sin[at + pair] = (float) Math.sin(angle);
        }
      }
    }
  }

  /** Rotates one head of a token of the batch, in place. */
  void rotate(int token, float[] head) {
    int at = token * pairs;
    for (int pair = 0; pair < pairs; pair++) {
      int first = rope.first(pair);
      int second = rope.second(pair);
      float a = head[first];
      float b = head[second];
      head[first] = a * cos[at + pair] - b * sin[at + pair];
      head[second] = b * cos[at + pair] + a * sin[at + pair];
    }
  }
}
