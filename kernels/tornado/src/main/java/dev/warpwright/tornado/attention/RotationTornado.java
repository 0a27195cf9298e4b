package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * Cosines and sines of the last tokens of each request, {@code [tokens, pairs, 2]}: computed on the
 * host, in double as {@link Rope} asks, once a step for all layers.
 */
final class RotationTornado {
  private final Rope rope;
  private final int window;
  private final int pairs;
  private float[] table = new float[0];

  /**
   * A rotation.
   *
   * @param rope what is rotated, and how
   * @param window most tokens of a request that are rotated: the last ones
   */
  RotationTornado(Rope rope, int window) {
    this.rope = rope;
    this.window = window;
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
    table = new float[Math.multiplyExact(StepTable.tokens(batch, window), 2 * pairs)];
    int at = 0;
    for (int request = 0; request < batch.requests(); request++) {
      int count = Math.min(window, batch.newTokens(request));
      for (int i = batch.newTokens(request) - count; i < batch.newTokens(request); i++) {
        int position = batch.position(request, i);
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

  /**
   * An element of a head after rotation, for kernels, which TornadoVM compiles this into.
   *
   * @param x heads
   * @param head where the head begins
   * @param dim the element
   * @param table cosines and sines, those of the head's token from {@code at} on
   */
  static float element(
      FloatArray x, int head, int dim, FloatArray table, int at, int pairs, int interleaved) {
    float result = x.get(head + dim);
    if (dim < 2 * pairs) {
      int pair = dim;
      int other = dim + pairs;
      float sign = -1;
      if (interleaved == 1) {
        pair = dim / 2;
        other = dim + 1;
        if (2 * pair < dim) {
          other = dim - 1;
          sign = 1;
        }
      } else if (dim >= pairs) {
        pair = dim - pairs;
        other = pair;
        sign = 1;
      }
      float turned = x.get(head + other) * table.get(at + 2 * pair + 1);
      result = result * table.get(at + 2 * pair) + sign * turned;
    }
    return result;
  }
}
