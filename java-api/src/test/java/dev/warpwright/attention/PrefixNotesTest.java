package dev.warpwright.attention;

import static dev.warpwright.attention.Readers.SPEC;
import static dev.warpwright.attention.Readers.read;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Beginnings of texts in caches that note scores. */
class PrefixNotesTest {
  private final Warpwright ww = Warpwright.builder().threads(2).open();

  @AfterEach
  void close() {
    ww.close();
  }

  private static int[] text(int tokens) {
    return IntStream.range(0, tokens).toArray();
  }

  /** A sequence that read the first 16 tokens, which are in the index then. */
  private static Sequence known(PagedAttention attention, PagedKvCache cache) {
    Sequence sequence = cache.newSequence();
    read(attention, sequence, 16);
    assertEquals(16, cache.prefixes().add(sequence, text(16)));
    return sequence;
  }

  private static float[] notes(Sequence sequence, int row) {
    RowStatistics statistics = sequence.cache().notes().row(sequence, row);
    float[] scores = new float[statistics.length()];
    for (int slot = 0; slot < scores.length; slot++) {
      scores[slot] = statistics.score(slot);
    }
    return scores;
  }

  /** Where a window observes, what is noted is as if all had been read. */
  @Test
  void aWindowNotesWhatItWouldHave() {
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(Observation.sum(4)));
        PagedAttention attention = Readers.attention(ww, cache)) {
      Sequence reader = known(attention, cache);
      read(attention, reader, 8);
      Sequence adopter = cache.prefixes().adopt(text(24));
      assertEquals(16, adopter.position());
      read(attention, adopter, 8);
      assertArrayEquals(Snapshots.bytes(reader), Snapshots.bytes(adopter));
    }
  }

  /** Sums over all queries are those of the queries that the sequence read itself. */
  @Test
  void sumsAreThoseOfTheOwnTokens() {
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(Observation.sum()));
        PagedAttention attention = Readers.attention(ww, cache)) {
      Sequence reader = known(attention, cache);
      float[] before = notes(reader, 3);
      Sequence adopter = cache.prefixes().adopt(text(24));
      assertArrayEquals(new float[16], notes(adopter, 3));
      assertArrayEquals(before, notes(reader, 3));
      assertArrayEquals(read(attention, reader, 8), read(attention, adopter, 8));
      float[] all = notes(reader, 3);
      float[] own = notes(adopter, 3);
      for (int slot = 0; slot < 24; slot++) {
        assertEquals(all[slot] - (slot < 16 ? before[slot] : 0), own[slot], 1e-5);
      }
    }
  }

  /** Neither the reader's evictions nor an adopter's show in what later ones adopt. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void evictionsStayWithTheirSequence(boolean ofTheReader) {
    H2o policy = H2o.budget(9);
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()));
        PagedAttention attention = Readers.attention(ww, cache)) {
      Sequence reader = known(attention, cache);
      Sequence first = cache.prefixes().adopt(text(24));
      float[] expected = read(attention, first, 8);
      Sequence evicted = ofTheReader ? reader : first;
      assertTrue(cache.evict(cache.batch(evicted), policy).slots() > 0);
      read(attention, evicted, 3);
      Sequence second = cache.prefixes().adopt(text(24));
      assertArrayEquals(new float[16], notes(second, 0));
      assertArrayEquals(expected, read(attention, second, 8));
      cache.prefixes().clear();
      for (Sequence sequence : new Sequence[] {reader, first, second}) {
        sequence.close();
      }
      assertEquals(100, cache.freePages());
    }
  }

  @Test
  void tooFewPagesForCopiesChangeNothing() {
    try (PagedKvCache cache = ww.kvCache(SPEC.headPages(31).observing(Observation.sum()));
        PagedAttention attention = Readers.attention(ww, cache)) {
      Sequence reader = known(attention, cache);
      assertEquals(15, cache.freePages());
      PoolExhaustedException refused =
          assertThrows(PoolExhaustedException.class, () -> cache.prefixes().adopt(text(24)));
      assertEquals(16, refused.asked());
      assertEquals(15, cache.freePages());
      assertEquals(16, cache.prefixes().known(text(24)));
      reader.close();
      cache.prefixes().clear();
      assertEquals(31, cache.freePages());
    }
  }
}
