package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;

/**
 * Cosines and sines of all tokens of a batch, {@code [tokens, pairs, 2]}: computed on the host, in
 * double as {@link Rope} asks, once a step for all layers.
 */
final class RotationTornado {
  private final Rope rope;
  private final int pairs;
  private float[] table = new float[0];

  RotationTornado(Rope rope) {
    this.rope = rope;
    pairs = rope.style() == Rope.Style.NONE ? 0 : rope.rotaryDim() / 2;
  }

  /** Pairs of a head that are rotated. */
  int pairs() {
    return pairs;
  }

  /** 1 if a pair is two neighbours. */
  int interleaved() {
    return rope.style() == Rope.Style.INTERLEAVED ? 1 : 0;
  }

  /** Computes the table of a batch. */
  void update(PageTables batch) {
    table = new float[Math.multiplyExact(batch.tokens(), 2 * pairs)];
    int at = 0;
    for (int request = 0; request < batch.requests(); request++) {
      for (int i = 0; i < batch.newTokens(request); i++) {
        int position = batch.firstPosition(request) + i;
        for (int pair = 0; pair < pairs; pair++) {
          double angle = rope.angle(pair, position);
          table[at++] = (float) Math.cos(angle);
          table[at++] = (float) Math.sin(angle);
        }
      }
    }
  }

  float[] table() {
    return table;
  }
}
