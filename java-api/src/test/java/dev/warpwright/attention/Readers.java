package dev.warpwright.attention;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Rope;
import java.util.Random;

/** Sequences whose keys, values and queries depend on the position only: of two layers. */
final class Readers {
  /** Four rows a sequence. */
  static final KvCacheSpec SPEC =
      KvCacheSpec.layers(2).kvHeads(2).headDim(8).pageSize(4).headPages(100).dtype(DType.F32);

  private Readers() {}

  static PagedAttention attention(Warpwright ww, PagedKvCache cache) {
    return ww.attention(AttentionSpec.queryHeads(4).over(cache).rope(Rope.rotateHalf(8, 1e4)));
  }

  /** Reads more tokens; gives the outputs of the last layer. */
  static float[] read(PagedAttention attention, Sequence sequence, int tokens) {
    int from = sequence.position();
    Batch batch = sequence.cache().batch(sequence).advance(tokens);
    Tensor out = Tensor.wrap(new float[tokens * 32], tokens, 4, 8);
    for (int layer = 0; layer < 2; layer++) {
      Tensor k = normals(tokens, 2, from, layer);
      attention.append(layer, batch, k, normals(tokens, 2, from, layer + 10));
      attention.attend(layer, batch, normals(tokens, 4, from, layer + 20), out);
    }
    return out.toFloats();
  }

  private static Tensor normals(int tokens, int heads, int from, int salt) {
    float[] values = new float[tokens * heads * 8];
    for (int i = 0; i < tokens; i++) {
      Random random = new Random(1000L * (from + i) + salt);
      for (int j = 0; j < heads * 8; j++) {
        values[i * heads * 8 + j] = (float) random.nextGaussian();
      }
    }
    return Tensor.wrap(values, tokens, heads, 8);
  }
}
