package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SelectiveAttentionTest {
  private static final int LAYERS = 4;
  private static final int QUERY_HEADS = 4;
  private static final Rope ROPE = Rope.rotateHalf(8, 1e4);
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(LAYERS).kvHeads(2).headDim(8).pageSize(4).headPages(400).dtype(DType.F32);

  private static final PageSelection DENSE = new PageSelection(1, LAYERS, 1, false, Float.NaN);

  private final Warpwright ww = Warpwright.builder().threads(2).open();

  @AfterEach
  void close() {
    ww.close();
  }

  private static Tensor normals(Random random, int tokens, int heads, float deviation) {
    float[] values = new float[tokens * heads * 8];
    for (int i = 0; i < values.length; i++) {
      values[i] = deviation * (float) random.nextGaussian();
    }
    return Tensor.wrap(values, tokens, heads, 8);
  }

  /** Outputs of all layers over a prompt and some steps, with an eviction and a fork in between. */
  private float[][] outputs(PageSelection selection, int steps, float deviation) {
    return outputs(selection, steps, deviation, Masking.CAUSAL, new StreamingLlm(33, 2), 3);
  }

  private float[][] outputs(
      PageSelection selection,
      int steps,
      float deviation,
      Masking masking,
      EvictionPolicy policy,
      int evictedAfter) {
    Random random = new Random(5);
    float[][] outs = new float[steps * LAYERS][];
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()))) {
      AttentionSpec spec =
          AttentionSpec.queryHeads(QUERY_HEADS).over(cache).rope(ROPE).masking(masking);
      try (SelectiveAttention attention = ww.attention(spec, selection)) {
        for (int layer = 0; layer < LAYERS; layer++) {
          attention.bias(layer, bias(masking, layer));
        }
        Sequence first = cache.newSequence();
        Sequence second = cache.newSequence();
        Batch batch = cache.batch(first, second);
        Sequence fork = null;
        for (int step = 0; step <= steps; step++) {
          int[] tokens = step == 0 ? new int[] {50, 9} : new int[] {1, 1};
          batch.advance(tokens);
          int count = IntStream.of(tokens).sum();
          for (int layer = 0; layer < LAYERS; layer++) {
            Tensor out = Tensor.wrap(new float[count * 32], count, QUERY_HEADS, 8);
            attention.append(
                layer, batch, normals(random, count, 2, 1), normals(random, count, 2, 1));
            attention.attend(layer, batch, normals(random, count, QUERY_HEADS, deviation), out);
            if (step > 0) {
              outs[(step - 1) * LAYERS + layer] = out.toFloats();
            }
          }
          if (step == evictedAfter) {
            assertTrue(cache.evict(batch, policy).slots() > 0);
          }
          if (step == 6) {
            fork = first.fork();
          }
        }
        if (fork != null) {
          fork.close();
        }
      }
    }
    return outs;
  }

  private static AttentionBias bias(Masking masking, int layer) {
    float[] slopes = {0.1f, 0.2f * layer, 0, -0.05f};
    float[] sinks = {1, -1, 2, layer};
    return new AttentionBias(
        masking.alibi() ? Tensor.wrap(slopes, QUERY_HEADS) : null,
        masking.sinkLogits() ? Tensor.wrap(sinks, QUERY_HEADS) : null);
  }

  static Stream<PageSelection> all() {
    return Stream.of(
        PageSelection.quest(99),
        PageSelection.mpCache(99),
        new PageSelection(3, 0, 1, false, Float.NaN, 99));
  }

  /** With room for all pages it is the attention to all of them. */
  @ParameterizedTest
  @MethodSource("all")
  void allPagesAreAll(PageSelection all) {
    float[][] full = outputs(DENSE, 12, 1);
    float[][] selected = outputs(all, 12, 1);
    for (int i = 0; i < full.length; i++) {
      assertArrayEquals(full[i], selected[i], 1e-5f);
    }
  }

  /**
   * Slopes, sink logits and the counts of merged tokens are those of each layer. What is merged is
   * decided by what the prompt has noted.
   */
  @Test
  void allPagesWithBiasesAreAll() {
    Masking biased = new Masking(true, 20, 30, true, true);
    KvMerger merger = new KvMerger(33, 2, 0.2);
    float[][] full = outputs(DENSE, 12, 1, biased, merger, 0);
    PageSelection all = PageSelection.quest(99).denseLayers(0);
    float[][] selected = outputs(all, 12, 1, biased, merger, 0);
    float[][] plain = outputs(DENSE, 12, 1);
    boolean differs = false;
    for (int i = 0; i < full.length; i++) {
      assertArrayEquals(full[i], selected[i], 1e-5f);
      differs |= !Arrays.equals(full[i], plain[i]);
    }
    assertTrue(differs);
  }

  /** Sharp queries need few pages; the first layers are the same to the bit. */
  @Test
  void fewPagesAreEnoughForSharpQueries() {
    float[][] full = outputs(DENSE, 12, 20);
    float[][] quest = outputs(PageSelection.quest(6), 12, 20);
    double error = 0;
    boolean differs = false;
    for (int i = 0; i < full.length; i++) {
      if (i % LAYERS < 2) {
        assertArrayEquals(full[i], quest[i]);
      }
      for (int j = 0; j < full[i].length; j++) {
        error += Math.abs(full[i][j] - quest[i][j]) / full[i].length / full.length;
        differs |= full[i][j] != quest[i][j];
      }
    }
    assertEquals(0, error, 0.15, "of values of one unit");
    assertEquals(true, differs, "something was left out");
  }

  @Test
  void bestPages() {
    PageTables tables = new PageTables(1, 2, 4).begin(1).request(1, 18);
    int[] pages = {0, 1, 2, 3, 4};
    tables.row(19, pages, 0, 5).row(18, pages, 0, 5);
    float[] scores = {3, 1, 2, 2, -9, 0, 7, Float.NaN, 0, 0};
    assertArrayEquals(new int[] {4}, BestPages.of(tables, scores, 0, 0, 0, 1));
    assertArrayEquals(new int[] {0, 2, 4}, BestPages.of(tables, scores, 0, 0, 0, 3));
    assertArrayEquals(new int[] {2, 4}, BestPages.of(tables, scores, 1, 1, 1, 2));
    assertArrayEquals(new int[] {1, 2, 4}, BestPages.of(tables, scores, 0, 0, 1, 3));
    assertArrayEquals(pages, BestPages.of(tables, scores, 0, 0, 1, 9));
  }

  /** Looks once, and then keeps what comes. */
  @Test
  void mpCacheEvictsOnce() {
    assertEquals(new MpCache(40, 20), MpCache.ofPrompt(100));
    MpCache policy = new MpCache(12, 4);
    Random random = new Random(1);
    try (PagedKvCache cache = ww.kvCache(SPEC.observing(policy.observation()));
        PagedAttention attention =
            ww.attention(AttentionSpec.queryHeads(QUERY_HEADS).over(cache).rope(ROPE))) {
      Batch batch = cache.batch(cache.newSequence());
      int[] steps = new int[16];
      Arrays.fill(steps, 1);
      steps[0] = 30;
      for (int tokens : steps) {
        batch.advance(tokens);
        for (int layer = 0; layer < LAYERS; layer++) {
          attention.append(
              layer, batch, normals(random, tokens, 2, 1), normals(random, tokens, 2, 1));
          Tensor out = Tensor.wrap(new float[tokens * 32], tokens, QUERY_HEADS, 8);
          attention.attend(layer, batch, normals(random, tokens, QUERY_HEADS, 1), out);
        }
        Eviction eviction = cache.evict(batch, policy);
        assertEquals(tokens == 30 ? 8 * 18 : 0, eviction.slots());
      }
    }
  }

  @Test
  void refusalsAndMemory() {
    long before = MemoryAccount.live();
    try (PagedKvCache cache = ww.kvCache(SPEC)) {
      AttentionSpec spec = AttentionSpec.queryHeads(QUERY_HEADS).over(cache);
      SelectiveAttention attention =
          new SelectiveAttention(ww.device(), spec, PageSelection.quest(3));
      assertFalse(MemoryAccount.live() == before);
      attention.close();
      attention.close();
    }
    assertEquals(before, MemoryAccount.live());
    assertThrows(InvalidArgumentException.class, () -> PageSelection.quest(0));
    assertThrows(InvalidArgumentException.class, () -> new PageSelection(1, 0, 1, true, 1f / 0));
    assertThrows(
        InvalidArgumentException.class, () -> new PageSelection(3, 0, 1, true, Float.NaN, 2));
    assertThrows(InvalidArgumentException.class, () -> PageSelection.paged(0));
    assertThrows(InvalidArgumentException.class, () -> new MpCache(4, 5));
  }
}
