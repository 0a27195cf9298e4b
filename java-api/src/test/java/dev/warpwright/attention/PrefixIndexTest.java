package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Rope;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PrefixIndexTest {
  /** Four rows a sequence. */
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(2).kvHeads(2).headDim(8).pageSize(4).headPages(64).dtype(DType.F32);

  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final PagedKvCache cache = ww.kvCache(SPEC);
  private final PrefixIndex prefixes = cache.prefixes();

  @AfterEach
  void close() {
    cache.close();
    ww.close();
  }

  private static int[] text(int first, int tokens) {
    return IntStream.range(first, first + tokens).toArray();
  }

  /** A text that was read, indexed and closed. */
  private void keep(int... tokens) {
    try (Sequence sequence = cache.newSequence()) {
      cache.batch(sequence).advance(tokens.length);
      prefixes.add(sequence, tokens);
    }
  }

  @Test
  void pagesOutliveTheirSequence() {
    keep(text(0, 10));
    assertEquals(64 - 4 * 2, cache.freePages());
    assertEquals(4 * 2, prefixes.heldPages());
    assertEquals(8, prefixes.known(text(0, 10)));
    prefixes.clear();
    assertEquals(64, cache.freePages());
    assertEquals(0, prefixes.known(text(0, 10)));
  }

  @Test
  void aTextTakesWhatItBeginsWith() {
    keep(text(0, 12));
    int[] other = text(0, 12);
    other[5] = 77;
    try (Sequence sequence = prefixes.adopt(other)) {
      assertEquals(4, sequence.position());
      assertEquals(4, sequence.length(1, 1));
    }
    // One token is left to be read.
    assertEquals(8, prefixes.known(text(0, 12)));
    assertEquals(12, prefixes.known(text(0, 13)));
    assertEquals(0, prefixes.known(9));
    keep(other);
    assertEquals(4 * (3 + 2), prefixes.heldPages());
    assertEquals(8, prefixes.known(Arrays.copyOf(other, 9)));
  }

  /** 31·0 + 31 = 31·1 + 0: these blocks have one hash. */
  @Test
  void tokensAreComparedNotTheirHashes() {
    keep(0, 31, 5, 5, 1);
    assertEquals(Arrays.hashCode(new int[] {0, 31, 5, 5}), Arrays.hashCode(new int[] {1, 0, 5, 5}));
    assertEquals(0, prefixes.known(1, 0, 5, 5, 1));
    assertEquals(4, prefixes.known(0, 31, 5, 5, 1));
  }

  /** A block is known behind its own beginning only. */
  @Test
  void theSameTokensElsewhereAreOthers() {
    keep(text(0, 9));
    assertEquals(0, prefixes.known(text(4, 9)));
  }

  @Test
  void whatWasAdoptedGivesTheSameBits() {
    int[] tokens = text(0, 15);
    try (PagedAttention attention =
        ww.attention(AttentionSpec.queryHeads(4).over(cache).rope(Rope.rotateHalf(8, 1e4)))) {
      Sequence first = cache.newSequence();
      float[] expected = step(attention, first, tokens);
      prefixes.add(first, tokens);
      first.close();
      Sequence second = prefixes.adopt(tokens);
      assertEquals(12, second.position());
      float[] found = step(attention, second, Arrays.copyOfRange(tokens, 12, 15));
      assertArrayEquals(Arrays.copyOfRange(expected, 12 * 32, 15 * 32), found);
      // The new sequence wrote into pages of its own.
      assertArrayEquals(found, again(attention, tokens));
    }
  }

  private float[] again(PagedAttention attention, int... tokens) {
    try (Sequence sequence = prefixes.adopt(tokens)) {
      return step(attention, sequence, Arrays.copyOfRange(tokens, 12, 15));
    }
  }

  /** Reads tokens, whose keys, values and queries depend on nothing else. */
  private static float[] step(PagedAttention attention, Sequence sequence, int... tokens) {
    Batch batch = sequence.cache().batch(sequence).advance(tokens.length);
    Tensor out = Tensor.wrap(new float[tokens.length * 32], tokens.length, 4, 8);
    for (int layer = 0; layer < 2; layer++) {
      attention.append(layer, batch, values(2, tokens), values(2, tokens));
      attention.prefill(layer, batch, values(4, tokens), out);
    }
    return out.toFloats();
  }

  private static Tensor values(int heads, int... tokens) {
    float[] values = new float[tokens.length * heads * 8];
    for (int i = 0; i < tokens.length; i++) {
      Random random = new Random(tokens[i]);
      for (int j = 0; j < heads * 8; j++) {
        values[i * heads * 8 + j] = (float) random.nextGaussian();
      }
    }
    return Tensor.wrap(values, tokens.length, heads, 8);
  }

  @Test
  void whatWasNotUsedForTheLongestTimeGoesFirst() {
    keep(text(0, 12)); // 12 pages
    keep(text(100, 12)); // 12 pages
    prefixes.adopt(text(0, 12)).close(); // the first 8 tokens are used again
    assertEquals(64 - 24, cache.freePages());
    Sequence large = cache.newSequence();
    cache.batch(large).advance(4 * 11);
    // 4 pages were missing: the end of the first text, which is older than its beginning.
    assertEquals(0, cache.freePages());
    assertEquals(8, prefixes.known(text(0, 13)));
    assertEquals(12, prefixes.known(text(100, 13)));
    cache.batch(large).advance(1);
    assertEquals(8, prefixes.known(text(100, 13)));
    assertEquals(8, prefixes.known(text(0, 13)));
  }

  @Test
  void whatASequenceHoldsIsNoUseToLetGo() {
    keep(text(0, 12));
    Sequence reader = prefixes.adopt(text(0, 13));
    keep(text(100, 8));
    Sequence large = cache.newSequence();
    PoolExhaustedException refused =
        assertThrows(PoolExhaustedException.class, () -> cache.batch(large).advance(4 * 14));
    assertEquals(64 - 12, refused.free());
    assertEquals(64 - 12 - 8, cache.freePages());
    assertEquals(8, prefixes.known(text(100, 9)));
    cache.batch(large).advance(4 * 13);
    assertEquals(0, cache.freePages());
    assertEquals(0, prefixes.known(text(100, 9)));
    assertEquals(12, prefixes.known(text(0, 13)));
    reader.close();
    large.close();
    prefixes.clear();
    assertEquals(64, cache.freePages());
  }

  /** A sequence may evict the beginning that it took, but keep what follows. */
  @Test
  void aBeginningThatOnlyTheIndexHoldsCanStillGo() {
    int[] tokens = text(0, 13);
    Sequence reader = cache.newSequence();
    try (PagedAttention attention = ww.attention(AttentionSpec.queryHeads(4).over(cache))) {
      step(attention, reader, tokens);
    }
    prefixes.add(reader, tokens);
    // All pages of the reader but the last are replaced by copies.
    cache.evict(cache.batch(reader), new StreamingLlm(10, 2));
    assertEquals(64 - 4 * (3 + 3), cache.freePages());
    int free = cache.freePages();
    Sequence large = cache.newSequence();
    long missing = (free + 12L) / 4;
    cache.batch(large).advance((int) (4 * missing));
    assertEquals(0, prefixes.heldPages());
    reader.close();
    large.close();
    assertEquals(64, cache.freePages());
  }

  @Test
  void refusesWhatIsNoWholeBeginning() {
    Sequence sequence = cache.newSequence();
    cache.batch(sequence).advance(9);
    assertThrows(InvalidArgumentException.class, () -> prefixes.add(sequence, text(0, 8)));
    assertThrows(InvalidArgumentException.class, () -> prefixes.adopt());
    cache.evict(cache.batch(sequence), new StreamingLlm(5, 1));
    assertThrows(InvalidArgumentException.class, () -> prefixes.add(sequence, text(0, 9)));
    sequence.close();
    assertThrows(IllegalStateException.class, () -> prefixes.add(sequence));
    try (PagedKvCache other = ww.kvCache(SPEC.observing(Observation.sum()))) {
      Sequence foreign = other.newSequence();
      assertThrows(InvalidArgumentException.class, () -> prefixes.add(foreign));
    }
  }
}
