package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Rope;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class EvictionTest {
  private static final int LAYERS = 2;
  private static final int QUERY_HEADS = 4;
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(LAYERS).kvHeads(2).headDim(8).pageSize(4).headPages(100).dtype(DType.F32);

  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final Random random = new Random(3);

  @AfterEach
  void close() {
    ww.close();
  }

  private Tensor normals(int tokens, int heads) {
    float[] values = new float[tokens * heads * 8];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.wrap(values, tokens, heads, 8);
  }

  private static PagedAttention attention(Warpwright ww, PagedKvCache cache) {
    return ww.attention(
        AttentionSpec.queryHeads(QUERY_HEADS).over(cache).rope(Rope.rotateHalf(8, 1e4)));
  }

  /** Takes a step of all layers; returns the outputs of the last one. */
  private float[] step(PagedAttention attention, Batch batch, int... tokens) {
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
  private static int[] positions(PagedKvCache cache, Sequence sequence, int layer, int head) {
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

  @Test
  void streamingKeepsBothEnds() {
    try (PagedKvCache cache = ww.kvCache(SPEC);
        PagedAttention attention = attention(ww, cache)) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence);
      step(attention, batch, 21);
      assertEquals(100 - 4 * 6, cache.freePages());
      Eviction eviction = cache.evict(batch, new StreamingLlm(9, 3));
      // Of 6 pages a row 3 are left.
      assertEquals(new Eviction(4 * 12, 4 * 3), eviction);
      assertEquals(100 - 4 * 3, cache.freePages());
      assertEquals(4 * 3 * 2 * 4 * 8 * 4, cache.heldBytes());
      assertArrayEquals(
          new int[] {0, 1, 2, 15, 16, 17, 18, 19, 20}, positions(cache, sequence, 1, 0));
      assertEquals(21, sequence.position());
      assertEquals(new Eviction(0, 0), cache.evict(batch, new StreamingLlm(9, 3)));
      step(attention, batch, 1);
      assertArrayEquals(
          new int[] {0, 1, 2, 15, 16, 17, 18, 19, 20, 21}, positions(cache, sequence, 0, 1));
    }
  }

  /** What is noted is what an explicit softmax of all queries so far adds up to. */
  @Test
  void notesAreThoseOfAnExplicitSoftmax() {
    KvCacheSpec spec = SPEC.observing(Observation.sum());
    try (PagedKvCache cache = ww.kvCache(spec);
        PagedAttention attention = ww.attention(AttentionSpec.queryHeads(4).over(cache))) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence);
      int tokens = 11;
      Tensor k = normals(tokens, 2);
      Tensor q = normals(tokens, 4);
      int[] steps = {7, 1, 1, 2};
      int at = 0;
      for (int step : steps) {
        batch.advance(step);
        Tensor keys = k.slice(at, at + step);
        attention.append(0, batch, keys, keys);
        Tensor out = Tensor.wrap(new float[step * 32], step, 4, 8);
        attention.attend(0, batch, q.slice(at, at + step), out);
        at += step;
      }
      double[] expected = new double[tokens];
      for (int i = 0; i < tokens; i++) {
        for (int head = 2; head < 4; head++) {
          double[] p = new double[i + 1];
          double sum = 0;
          for (int j = 0; j <= i; j++) {
            double dot = 0;
            for (int dim = 0; dim < 8; dim++) {
              dot += q.getFloat((i * 4L + head) * 8 + dim) * k.getFloat((j * 2L + 1) * 8 + dim);
            }
            p[j] = Math.exp(dot / Math.sqrt(8));
            sum += p[j];
          }
          for (int j = 0; j <= i; j++) {
            expected[j] += p[j] / sum;
          }
        }
      }
      RowStatistics row = cache.notes().row(sequence, cache.row(0, 1));
      for (int j = 0; j < tokens; j++) {
        assertEquals(expected[j], row.score(j), 1e-5);
      }
    }
  }

  @Test
  void heavyHittersStay() {
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(Observation.sum()))) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence);
      try (PagedAttention attention = attention(ww, cache)) {
        step(attention, batch, 30);
      }
      RowStatistics row = cache.notes().row(sequence, cache.row(1, 1));
      int[] expected =
          IntStream.concat(
                  IntStream.range(0, 26)
                      .boxed()
                      .sorted((a, b) -> Float.compare(row.score(b), row.score(a)))
                      .limit(5)
                      .mapToInt(i -> i)
                      .sorted(),
                  IntStream.range(26, 30))
              .toArray();
      cache.evict(batch, H2o.budget(9));
      assertArrayEquals(expected, positions(cache, sequence, 1, 1));
      // The sums moved along.
      RowStatistics after = cache.notes().row(sequence, cache.row(1, 1));
      for (int slot = 0; slot < 9; slot++) {
        assertEquals(row.score(expected[slot]), after.score(slot));
      }
    }
  }

  /** Whatever one of two forks does, the other's next steps have the bits that they would have. */
  @ParameterizedTest
  @MethodSource("policies")
  void aForkDoesNotSeeItsSiblingsEvictions(EvictionPolicy policy) {
    float[][] outputs = new float[2][];
    for (int round = 0; round < 2; round++) {
      random.setSeed(8);
      try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()));
          PagedAttention attention = attention(ww, cache)) {
        Sequence origin = cache.newSequence();
        step(attention, cache.batch(origin), 22);
        Sequence fork = origin.fork();
        if (round == 1) {
          int before = cache.freePages();
          Eviction eviction = cache.evict(cache.batch(fork), policy);
          assertEquals(before + eviction.pages(), cache.freePages());
          assertTrue(eviction.slots() > 0, "evicted");
          assertEquals(22, origin.length(1, 1));
          long seed = random.nextLong();
          step(attention, cache.batch(fork), 1);
          step(attention, cache.batch(fork), 1);
          random.setSeed(seed);
        } else {
          random.setSeed(random.nextLong());
        }
        Batch batch = cache.batch(origin);
        step(attention, batch, 1);
        if (policy.observation().kind() != Observation.Kind.NOTHING) {
          cache.evict(batch, policy);
        }
        outputs[round] = step(attention, batch, 1);
        fork.close();
        origin.close();
        assertEquals(100, cache.freePages());
      }
    }
    assertArrayEquals(outputs[0], outputs[1]);
  }

  @Test
  void forksShareWhatNobodyWrites() {
    try (PagedKvCache cache = ww.kvCache(SPEC);
        PagedAttention attention = attention(ww, cache)) {
      Sequence origin = cache.newSequence();
      step(attention, cache.batch(origin), 10);
      int before = cache.freePages();
      List<Sequence> forks = List.of(origin.fork(), origin.fork());
      assertEquals(before, cache.freePages());
      // Three sequences write one partial page a row: two copies of it.
      Batch all = cache.batch(origin, forks.get(0), forks.get(1));
      step(attention, all, 1, 1, 1);
      assertEquals(before - 2 * 4, cache.freePages());
      // The pages before it are still shared, so closing a fork frees its copies only.
      forks.get(0).close();
      assertEquals(before - 4, cache.freePages());
      origin.close();
      forks.get(1).close();
      assertEquals(100, cache.freePages());
      assertThrows(IllegalStateException.class, origin::fork);
    }
  }

  @Test
  void tooFewPagesForCopiesChangeNothing() {
    try (PagedKvCache cache = ww.kvCache(SPEC.headPages(14));
        PagedAttention attention = attention(ww, cache)) {
      Sequence origin = cache.newSequence();
      Batch batch = cache.batch(origin);
      step(attention, batch, 10);
      Sequence fork = origin.fork();
      assertEquals(2, cache.freePages());
      PoolExhaustedException step =
          assertThrows(PoolExhaustedException.class, () -> cache.batch(fork).advance());
      assertEquals(4, step.asked());
      int[] before = positions(cache, fork, 0, 0);
      PoolExhaustedException eviction =
          assertThrows(
              PoolExhaustedException.class,
              () -> cache.evict(cache.batch(fork), new StreamingLlm(6, 1)));
      assertEquals(8, eviction.asked());
      assertEquals(2, cache.freePages());
      assertEquals(10, fork.position());
      assertArrayEquals(before, positions(cache, fork, 0, 0));
      // Alone it needs no copies.
      fork.close();
      assertEquals(new Eviction(4 * 4, 4), cache.evict(batch, new StreamingLlm(6, 1)));
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void budgetsHoldOverManySteps(EvictionPolicy policy) {
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()));
        PagedAttention attention = attention(ww, cache)) {
      Sequence sequence = cache.newSequence();
      Sequence small = cache.newSequence();
      Batch batch = cache.batch(sequence, small);
      step(attention, batch, 40, 3);
      for (int i = 0; i < 20; i++) {
        int before = cache.freePages();
        Eviction eviction = cache.evict(batch, policy);
        assertEquals(before + eviction.pages(), cache.freePages());
        int slots = 0;
        for (int layer = 0; layer < LAYERS; layer++) {
          assertEquals(sequence.length(layer, 0), sequence.length(layer, 1));
          slots += sequence.length(layer, 0);
        }
        assertEquals(LAYERS * 9, slots, "budget");
        assertTrue(small.length(0, 0) + small.length(1, 0) <= LAYERS * 9, "budget of the other");
        step(attention, batch, 1, 1);
      }
      sequence.close();
      small.close();
      assertEquals(100, cache.freePages());
    }
  }

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

  @Test
  void refusals() {
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(Observation.sum()));
        PagedKvCache other = ww.kvCache(SPEC)) {
      Batch batch = cache.batch(cache.newSequence());
      assertThrows(InvalidArgumentException.class, () -> other.evict(batch, H2o.budget(9)));
      assertThrows(InvalidArgumentException.class, () -> cache.evict(batch, SnapKv.budget(9)));
      assertThrows(InvalidArgumentException.class, () -> cache.evict(batch, null));
      cache.evict(batch, H2o.budget(9));
      Sequence closed = cache.newSequence();
      Batch withClosed = cache.batch(closed);
      closed.close();
      assertThrows(IllegalStateException.class, () -> cache.evict(withClosed, H2o.budget(9)));
    }
    assertThrows(InvalidArgumentException.class, () -> H2o.budget(0));
    assertThrows(InvalidArgumentException.class, () -> new H2o(4, 5));
    assertThrows(InvalidArgumentException.class, () -> new SnapKv(8, 4, 2));
    assertThrows(InvalidArgumentException.class, () -> new StreamingLlm(4, 5));
    assertThrows(InvalidArgumentException.class, () -> new KvMerger(4, 5, 0.5));
    assertThrows(InvalidArgumentException.class, () -> new KvMerger(4, 2, Double.NaN));
    assertThrows(InvalidArgumentException.class, () -> new Cake(9, 10, 1, 1, 200, 5));
  }

  @Test
  void aStepAfterAnEvictionMustBeAnnounced() {
    try (PagedKvCache cache = ww.kvCache(SPEC);
        PagedAttention attention = attention(ww, cache)) {
      Batch batch = cache.batch(cache.newSequence());
      step(attention, batch, 20);
      cache.evict(batch, StreamingLlm.budget(9));
      assertThrows(
          IllegalStateException.class,
          () -> attention.append(0, batch, normals(20, 2), normals(20, 2)));
    }
  }

  @Test
  void whatIsNotedIsAccountedForAndGivenBack() {
    long before = MemoryAccount.live();
    PagedKvCache cache = ww.kvCache(SPEC.observing(Observation.moments(4)));
    // Three moments and an entropy beside each slot.
    assertEquals(100 * 4 * 4 * 4, cache.notes().bytes());
    PagedAttention attention = attention(ww, cache);
    Batch batch = cache.batch(cache.newSequence());
    step(attention, batch, 30);
    step(attention, batch, 1);
    assertEquals(cache.bytes() + attention.workspaceBytes(), MemoryAccount.live() - before);
    cache.evict(batch, new Cake(9, 4, 1, 1, 200, 5));
    attention.close();
    cache.close();
    assertEquals(before, MemoryAccount.live());
  }
}
