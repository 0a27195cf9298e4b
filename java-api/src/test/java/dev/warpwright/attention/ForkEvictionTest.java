package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Evictions from sequences that share pages with others. */
class ForkEvictionTest extends RandomSteps {
  /** Random keys are often as like as that. */
  static Stream<EvictionPolicy> merging() {
    return Stream.of(new KvMerger(9, 2, 0.2));
  }

  /** Whatever one of two forks does, the other's next steps have the bits that they would have. */
  @ParameterizedTest
  @MethodSource({"policies", "merging"})
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
}
