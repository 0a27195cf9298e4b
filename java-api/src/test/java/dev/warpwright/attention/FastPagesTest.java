package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FastPagesTest {
  private static final int[] PAGES = {10, 11, 12, 13, 14};
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(2).kvHeads(2).headDim(8).pageSize(4).headPages(400).dtype(DType.F32);

  private final Warpwright ww = Warpwright.builder().threads(2).open();

  @AfterEach
  void close() {
    ww.close();
  }

  /** A token asks for its best page and the last one; three pages have room. */
  @Test
  void knownSteps() {
    try (PagedKvCache cache = ww.kvCache(SPEC)) {
      Sequence sequence = cache.newSequence();
      FastPages fast = new FastPages(4, 2, 3);
      PageTables tables = new PageTables(1, 1, 4).begin(1).request(1, 19).row(20, PAGES, 0, 5);
      // Empty, it is filled with the best of all.
      assertArrayEquals(new int[] {0, 2, 4}, ask(fast, sequence, tables, 9, 1, 8, 2, 0));
      // What is there is not brought again, and what nobody asks for stays.
      assertArrayEquals(new int[] {0, 2, 4}, ask(fast, sequence, tables, 1, 1, 8, 2, 0));
      // Pages 0, 2 and 4 were a phase. In the next, 2 and 4 are predicted to come again: 0 goes.
      assertArrayEquals(new int[] {1, 2, 4}, ask(fast, sequence, tables, 1, 9, 8, 2, 0));
      assertEquals(new PagingStatistics(7, 4, 0, 0, 0, 3), fast.statistics(sequence));
      // 4 and 1 and 3 make the phase full; 2 did not come, as its bit said that it would.
      assertArrayEquals(new int[] {1, 3, 4}, ask(fast, sequence, tables, 1, 0, 0, 9, 0));
      assertArrayEquals(new int[] {0, 3, 4}, sorted(ask(fast, sequence, tables, 9, 0, 0, 8, 0)));
      assertEquals(new PagingStatistics(11, 6, 3, 1, 0, 3), fast.statistics(sequence));
      assertEquals(PagingStatistics.NONE, fast.statistics(cache.newSequence()));
    }
  }

  private static int[] sorted(int... pages) {
    return Arrays.stream(pages).sorted().toArray();
  }

  private static int[] ask(FastPages fast, Sequence sequence, PageTables tables, float... scores) {
    return fast.of(sequence, 1, tables, 0, scores, 0, 0);
  }

  /** What was known of pages whose slots moved is forgotten. */
  @Test
  void anEvictionEmptiesTheMemories() {
    try (PagedKvCache cache = ww.kvCache(SPEC)) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence).advance(20);
      FastPages fast = new FastPages(4, 2, 3);
      PageTables tables = new PageTables(1, 1, 4).begin(1).request(1, 19).row(20, PAGES, 0, 5);
      ask(fast, sequence, tables, 9, 1, 8, 2, 0);
      cache.evict(batch, new StreamingLlm(19, 2));
      assertArrayEquals(new int[] {1, 3, 4}, ask(fast, sequence, tables, 1, 9, 0, 8, 0));
      assertEquals(new PagingStatistics(3, 3, 0, 0, 0, 3), fast.statistics(sequence));
    }
  }

  /** Outputs of a sequence over some steps, with what its fast memories did. */
  private float[][] read(int others, boolean forks) {
    float[][] outs = new float[30][];
    try (PagedKvCache cache = ww.kvCache(SPEC);
        SelectiveAttention attention =
            ww.attention(AttentionSpec.queryHeads(4).over(cache), PageSelection.paged(4))) {
      Sequence[] sequences = new Sequence[1 + others];
      Arrays.setAll(sequences, _ -> cache.newSequence());
      Batch batch = cache.batch(sequences);
      Random random = new Random(2);
      for (int step = 0; step < outs.length; step++) {
        int tokens = step == 0 ? 40 : 1;
        int[] of = new int[sequences.length];
        Arrays.fill(of, tokens);
        batch.advance(of);
        for (int layer = 0; layer < 2; layer++) {
          Tensor k = repeated(random, of.length, tokens, 2);
          Tensor q = repeated(random, of.length, tokens, 4);
          Tensor out = Tensor.wrap(new float[of.length * tokens * 32], of.length * tokens, 4, 8);
          attention.append(layer, batch, k, k);
          attention.attend(layer, batch, q, out);
          outs[step] = Arrays.copyOf(out.toFloats(), tokens * 32);
        }
        if (forks && step % 7 == 3) {
          sequences[0].fork().close();
          sequences[0].fork();
        }
      }
      PagingStatistics seen = attention.paging(sequences[0]);
      assertEquals(4L * 4, seen.resident(), "all frames of all rows");
      // At first all frames are filled, then each row's tokens ask for two pages.
      assertEquals(4L * (4 + 28 * 2), seen.requests());
      assertFalse(seen.misses() <= 16 || seen.misses() == seen.requests(), seen::toString);
    }
    return outs;
  }

  /** The same numbers for each sequence. */
  private static Tensor repeated(Random random, int sequences, int tokens, int heads) {
    int once = tokens * heads * 8;
    float[] values = new float[sequences * once];
    for (int i = 0; i < once; i++) {
      values[i] = 3 * (float) random.nextGaussian();
    }
    for (int i = once; i < values.length; i++) {
      values[i] = values[i - once];
    }
    return Tensor.wrap(values, sequences * tokens, heads, 8);
  }

  @Test
  void neitherOtherSequencesNorForksChangeWhatIsLookedInto() {
    float[][] alone = read(0, false);
    assertArrayEquals(alone, read(2, false));
    assertArrayEquals(alone, read(0, true));
  }
}
