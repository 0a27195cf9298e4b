package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.Tensor;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class KvMergerTest extends RandomSteps {
  /** A text that says everything three times: merged, it is attended to as it was. */
  @Test
  void mergedTokensCountAsMany() {
    float[][] outputs = new float[2][];
    for (int round = 0; round < 2; round++) {
      random.setSeed(4);
      KvMerger policy = new KvMerger(9, 1, 0.999);
      try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()));
          PagedAttention attention =
              ww.attention(AttentionSpec.queryHeads(QUERY_HEADS).over(cache))) {
        Sequence sequence = cache.newSequence();
        Sequence fork;
        Batch batch = cache.batch(sequence);
        batch.advance(24);
        for (int layer = 0; layer < LAYERS; layer++) {
          Tensor k = tripled(normals(8, 2));
          Tensor v = tripled(normals(8, 2));
          attention.append(layer, batch, k, v);
          Tensor out = Tensor.wrap(new float[24 * QUERY_HEADS * 8], 24, QUERY_HEADS, 8);
          attention.attend(layer, batch, normals(24, QUERY_HEADS), out);
        }
        fork = sequence.fork();
        if (round == 1) {
          Eviction eviction = cache.evict(batch, policy);
          // Of 24 tokens the last stays apart from the two that are like it.
          assertEquals(9, sequence.length(1, 1));
          assertEquals(new Eviction(4 * 15, 100 - 4 * 6 - 4 * 3 - (100 - 4 * 6)), eviction);
          assertEquals(24, fork.length(1, 1));
          assertEquals(24, sequence.position());
        }
        long seed = random.nextLong();
        random.setSeed(seed);
        outputs[round] = step(attention, batch, 1);
        fork.close();
        sequence.close();
        assertEquals(100, cache.freePages());
      }
    }
    assertArrayEquals(outputs[0], outputs[1], 1e-5f);
  }

  /** Each token three times. */
  private static Tensor tripled(Tensor tokens) {
    int size = 2 * 8;
    float[] once = tokens.toFloats();
    float[] all = new float[3 * once.length];
    for (int i = 0; i < all.length; i++) {
      all[i] = once[i / (3 * size) * size + i % size];
    }
    return Tensor.wrap(all, all.length / size, 2, 8);
  }

  /** A merger that leaves the first tokens alone. */
  private record WithPrefix(KvMerger merger, int protectedPrefix) implements EvictionPolicy {
    @Override
    public int budget() {
      return merger.budget();
    }

    @Override
    public Observation observation() {
      return merger.observation();
    }

    @Override
    public int recents() {
      return merger.recents();
    }

    @Override
    public OptionalDouble mergesFrom() {
      return merger.mergesFrom();
    }

    @Override
    public void score(RowStatistics row, float[] scores) {
      merger.score(row, scores);
    }
  }

  /** Of the first three equal tokens two are protected, so that all three stay. */
  @Test
  void protectedTokensAreNotMerged() {
    EvictionPolicy policy = new WithPrefix(new KvMerger(12, 1, 0.999), 2);
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()));
        PagedAttention attention =
            ww.attention(AttentionSpec.queryHeads(QUERY_HEADS).over(cache))) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence).advance(24);
      for (int layer = 0; layer < LAYERS; layer++) {
        Tensor k = tripled(normals(8, 2));
        attention.append(layer, batch, k, k);
      }
      cache.evict(batch, policy);
      assertArrayEquals(
          new int[] {0, 1, 2}, IntStream.of(positions(cache, sequence, 1, 1)).limit(3).toArray());
      assertEquals(3 + 6 + 2, sequence.length(1, 1));
    }
  }

  /** Where nothing is alike, those that were looked at most stay, by all queries so far. */
  @Test
  void whatIsLookedAtMostStays() {
    KvMerger policy = new KvMerger(9, 4, 1);
    assertEquals(Observation.sum().counting(), policy.observation());
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()));
        PagedAttention attention = attention(ww, cache)) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence);
      step(attention, batch, 30);
      RowStatistics row = cache.notes().row(sequence, cache.row(1, 1));
      int[] best =
          IntStream.range(0, 26)
              .boxed()
              .sorted((a, b) -> Float.compare(row.score(b), row.score(a)))
              .limit(5)
              .mapToInt(i -> i)
              .sorted()
              .toArray();
      cache.evict(batch, policy);
      assertArrayEquals(
          IntStream.concat(IntStream.of(best), IntStream.range(26, 30)).toArray(),
          positions(cache, sequence, 1, 1));
    }
    assertEquals(new KvMerger(64, 32, 0.8), KvMerger.budget(64));
  }
}
