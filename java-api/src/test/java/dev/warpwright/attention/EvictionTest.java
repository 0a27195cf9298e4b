package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.InvalidArgumentException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class EvictionTest extends RandomSteps {
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
}
