package dev.warpwright.attention;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Rope;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;

/** Steps of random numbers over caches of two layers. */
abstract class RandomSteps {
  static final int LAYERS = 2;
  static final int QUERY_HEADS = 4;
  static final KvCacheSpec SPEC =
      KvCacheSpec.layers(LAYERS).kvHeads(2).headDim(8).pageSize(4).headPages(100).dtype(DType.F32);

  final Warpwright ww = Warpwright.builder().threads(2).open();
  final Random random = new Random(3);

  @AfterEach
  void close() {
    ww.close();
  }

  Tensor normals(int tokens, int heads) {
    float[] values = new float[tokens * heads * 8];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.wrap(values, tokens, heads, 8);
  }

  static PagedAttention attention(Warpwright ww, PagedKvCache cache) {
    return ww.attention(
        AttentionSpec.queryHeads(QUERY_HEADS).over(cache).rope(Rope.rotateHalf(8, 1e4)));
  }

  /** Takes a step of all layers; returns the outputs of the last one. */
  float[] step(PagedAttention attention, Batch batch, int... tokens) {
    batch.advance(tokens);
    int count = IntStream.of(tokens).sum();
    Tensor out = Tensor.wrap(new float[count * QUERY_HEADS * 8], count, QUERY_HEADS, 8);
    for (int layer = 0; layer < LAYERS; layer++) {
      attention.append(layer, batch, normals(count, 2), normals(count, 2));
      attention.attend(layer, batch, normals(count, QUERY_HEADS), out);
    }
    return out.toFloats();
  }

  /** Logical positions of the slots of a row. */
  static int[] positions(PagedKvCache cache, Sequence sequence, int layer, int head) {
    int row = cache.row(layer, head);
    int count = sequence.pageCount(row);
    int[] pages = IntStream.range(0, count).map(i -> sequence.page(row, i)).toArray();
    Tensor keys = Tensor.wrap(new float[count * 32], count, 4, 8);
    Tensor values = Tensor.wrap(new float[count * 32], count, 4, 8);
    Tensor positions = Tensor.wrap(new int[count * 4], count, 4);
    cache.pool().exportPages(pages, keys, values, positions);
    return IntStream.of(positions.toInts()).limit(sequence.length(row)).toArray();
  }

  static Stream<EvictionPolicy> policies() {
    return Stream.of(
        StreamingLlm.budget(9),
        H2o.budget(9),
        SnapKv.budget(9),
        new Tova(9),
        Cake.budget(9),
        new KvMerger(9, 2, 0.99));
  }
}
