package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.Rope;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CascadeTest {
  private static final int LAYERS = 2;
  private static final int QUERY_HEADS = 4;
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(LAYERS).kvHeads(2).headDim(8).pageSize(4).headPages(2000).dtype(DType.F32);

  /** Sums in another order, of weights of at most 1 and values of some units. */
  private static final float CLOSE = 1e-5f;

  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final PagedKvCache cache = ww.kvCache(SPEC);
  private final Random random = new Random(9);

  @AfterEach
  void close() {
    cache.close();
    ww.close();
  }

  private Tensor normals(int tokens, int heads) {
    float[] values = new float[tokens * heads * 8];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.wrap(values, tokens, heads, 8);
  }

  private AttentionSpec spec(Masking masking) {
    return AttentionSpec.queryHeads(QUERY_HEADS)
        .over(cache)
        .rope(Rope.rotateHalf(8, 1e4))
        .masking(masking);
  }

  private static Tensor output(int tokens) {
    return Tensor.wrap(new float[tokens * QUERY_HEADS * 8], tokens, QUERY_HEADS, 8);
  }

  private static Tensor logs(int tokens) {
    return Tensor.wrap(new float[tokens * QUERY_HEADS], tokens, QUERY_HEADS);
  }

  /** A sequence that reads {@code tokens} more tokens. */
  private Sequence more(PagedAttention attention, Sequence sequence, int tokens) {
    Batch batch = cache.batch(sequence).advance(tokens);
    for (int layer = 0; layer < LAYERS; layer++) {
      attention.append(layer, batch, normals(tokens, 2), normals(tokens, 2));
    }
    return sequence;
  }

  /** Two families that begin alike, and a stranger, in no order. */
  private Sequence[] families(PagedAttention attention) {
    Sequence system = more(attention, cache.newSequence(), 21);
    Sequence other = more(attention, system.fork(), 30);
    return new Sequence[] {
      more(attention, other.fork(), 3),
      more(attention, system.fork(), 2),
      more(attention, cache.newSequence(), 17),
      more(attention, other.fork(), 9),
      system.fork(),
      more(attention, other.fork(), 1),
      system,
    };
  }

  static Stream<Masking> masks() {
    return Stream.of(
        Masking.CAUSAL,
        new Masking(true, 25, 0, false, false),
        new Masking(true, -1, 5, true, true));
  }

  /** In steps of one token and of several, with all that positions matter for. */
  @ParameterizedTest
  @MethodSource("masks")
  void givesWhatAttentionInOnePartGives(Masking masking) {
    AttentionBias bias =
        new AttentionBias(
            masking.alibi() ? Tensor.wrap(new float[] {0.1f, 0.2f, -0.1f, 0}, 4) : null,
            masking.sinkLogits() ? Tensor.wrap(new float[] {1, 2, 3, -1}, 4) : null);
    try (PagedAttention plain = ww.attention(spec(masking));
        PagedAttention cascade = ww.attention(spec(masking).cascade(true))) {
      for (int layer = 0; layer < LAYERS; layer++) {
        plain.bias(layer, bias);
        cascade.bias(layer, bias);
      }
      Sequence[] sequences = families(plain);
      Batch batch = cache.batch(sequences);
      for (int[] tokens : new int[][] {{1, 1, 1, 1, 1, 1, 1}, {2, 1, 0, 5, 3, 1, 4}}) {
        batch.advance(tokens);
        assertFalse(PrefixGroups.of(sequences).groups().isEmpty());
        compare(plain, cascade, batch);
      }
    }
  }

  private void compare(PagedAttention plain, PagedAttention cascade, Batch batch) {
    int tokens = batch.tokens();
    for (int layer = 0; layer < LAYERS; layer++) {
      plain.append(layer, batch, normals(tokens, 2), normals(tokens, 2));
      Tensor q = normals(tokens, QUERY_HEADS);
      Tensor expected = output(tokens);
      Tensor expectedLogs = logs(tokens);
      plain.prefill(layer, batch, q, expected, expectedLogs);
      Tensor out = output(tokens);
      Tensor lse = logs(tokens);
      cascade.prefill(layer, batch, q, out, lse);
      assertArrayEquals(expected.toFloats(), out.toFloats(), CLOSE);
      assertArrayEquals(expectedLogs.toFloats(), lse.toFloats(), CLOSE);
      Tensor again = output(tokens);
      cascade.attend(layer, batch, q, again);
      assertArrayEquals(out.toFloats(), again.toFloats());
    }
  }

  /** Each sequence's query and result go along with it. */
  @Test
  void theOrderOfTheBatchDoesNotChangeABit() {
    try (PagedAttention attention = ww.attention(spec(Masking.CAUSAL).cascade(true))) {
      Sequence[] sequences = families(attention);
      int n = sequences.length;
      Tensor q = normals(n, QUERY_HEADS);
      float[] expected = null;
      for (int shift = 0; shift < n; shift++) {
        int[] order = new int[n];
        for (int i = 0; i < n; i++) {
          order[i] = (2 * i + shift) % n;
        }
        Sequence[] forks =
            Arrays.stream(order).mapToObj(i -> sequences[i].fork()).toArray(Sequence[]::new);
        Tensor queries = output(n);
        for (int i = 0; i < n; i++) {
          ww.device().copy(q.row(order[i]), queries.row(i));
        }
        Batch batch = cache.batch(forks).advance();
        attention.append(0, batch, byOrder(2, order), byOrder(2, order));
        Tensor out = output(n);
        attention.decode(0, batch, queries, out);
        float[] found = new float[n * QUERY_HEADS * 8];
        for (int i = 0; i < n; i++) {
          ww.device().copy(out.row(i), Tensor.wrap(found, n, QUERY_HEADS, 8).row(order[i]));
        }
        expected = expected == null ? found : expected;
        assertArrayEquals(expected, found);
        Arrays.stream(forks).forEach(Sequence::close);
      }
    }
  }

  /** Rows that depend on the sequence only. */
  private static Tensor byOrder(int heads, int... order) {
    float[] values = new float[order.length * heads * 8];
    for (int i = 0; i < order.length; i++) {
      Random own = new Random(order[i]);
      for (int j = 0; j < heads * 8; j++) {
        values[i * heads * 8 + j] = (float) own.nextGaussian();
      }
    }
    return Tensor.wrap(values, order.length, heads, 8);
  }

  /** Of the tables that plans get: sixteen readers of one text name its slots once. */
  @Test
  void whatSixteenShareIsReadOnce() {
    try (PagedAttention attention = ww.attention(spec(Masking.CAUSAL))) {
      Sequence text = more(attention, cache.newSequence(), 100);
      Sequence[] readers = new Sequence[16];
      Arrays.setAll(readers, i -> more(attention, text.fork(), 1 + i));
      Batch batch = cache.batch(readers).advance();
      CascadeTables tables = new CascadeTables(batch).fill();
      int own = IntStream.range(0, 16).map(i -> 2 + i).sum();
      for (int layer = 0; layer < LAYERS; layer++) {
        assertEquals(2 * 100, tables.shared().slots(layer));
        assertEquals(2 * own, tables.own().slots(layer));
        assertEquals(2 * (16 * 100 + own), batch.tables().slots(layer));
      }
      assertEquals(16, tables.shared().newTokens(0));
    }
  }

  /** Groups stay while sequences grow, and are found again when pages become others. */
  @Test
  void groupsAreFoundAgainWhenPagesBecomeOthers() {
    try (PagedAttention plain = ww.attention(spec(Masking.CAUSAL));
        PagedAttention cascade = ww.attention(spec(Masking.CAUSAL).cascade(true))) {
      Sequence[] sequences = families(plain);
      Batch batch = cache.batch(sequences).advance();
      CascadeTables tables = new CascadeTables(batch);
      compare(plain, cascade, batch);
      for (int step = 0; step < 5; step++) {
        compare(plain, cascade, batch.advance());
        assertTrue(tables.areOf(batch));
      }
      assertFalse(tables.areOf(cache.batch(sequences)));
      cache.evict(cache.batch(sequences[0]), new StreamingLlm(22, 6));
      assertFalse(tables.areOf(batch));
      compare(plain, cascade, batch.advance());
      // A fork shares what was there all the time.
      tables = new CascadeTables(batch);
      Sequence fork = sequences[3].fork();
      assertTrue(tables.areOf(batch));
      compare(plain, cascade, batch.advance());
      fork.close();
    }
  }

  /** Long beginnings are read in parts; how many is a matter of each group. */
  @Test
  void longBeginningsAreDivided() {
    try (PagedAttention plain = ww.attention(spec(Masking.CAUSAL));
        PagedAttention cascade = ww.attention(spec(Masking.CAUSAL).cascade(true))) {
      Sequence longText = cache.newSequence();
      for (int i = 0; i < 3; i++) {
        more(plain, longText, 451);
      }
      Sequence shortText = more(plain, cache.newSequence(), 25);
      Sequence[] sequences = {
        longText,
        more(plain, shortText.fork(), 2),
        more(plain, longText.fork(), 3),
        shortText,
        more(plain, longText.fork(), 1)
      };
      Batch both = cache.batch(sequences).advance();
      CascadeTables tables = new CascadeTables(both).fill();
      assertEquals(2, tables.parts());
      assertEquals(2 * 5, tables.shared().tokens());
      assertEquals(2 * (4 * 338 + 4 * 6), tables.shared().slots(1));
      assertEquals(4 * 169, tables.shared().maxLength());
      compare(plain, cascade, both);
      both.advance(1, 2, 1, 1, 1);
      assertEquals(1, new CascadeTables(both).fill().parts());
      compare(plain, cascade, both);
    }
  }

  /** A group's bits do not change with another one whose beginning is in more parts. */
  @Test
  void otherGroupsDoNotChangeABit() {
    float[][] outs = new float[2][];
    for (int round = 0; round < 2; round++) {
      random.setSeed(3);
      try (PagedAttention cascade = ww.attention(spec(Masking.CAUSAL).cascade(true))) {
        Sequence text = more(cascade, cache.newSequence(), 25);
        Sequence fork = more(cascade, text.fork(), 2);
        Tensor k = normals(2, 2);
        Tensor q = normals(2, QUERY_HEADS);
        Sequence other = cache.newSequence();
        for (int i = 0; i < 3 * round; i++) {
          more(cascade, other, 400);
        }
        Batch batch =
            round == 0
                ? cache.batch(text, fork).advance()
                : cache.batch(text, fork, other, other.fork()).advance();
        int n = batch.size();
        Tensor keys = normals(n, 2);
        Tensor queries = normals(n, QUERY_HEADS);
        ww.device().copy(k, keys.slice(0, 2));
        ww.device().copy(q, queries.slice(0, 2));
        Tensor out = output(n);
        cascade.append(0, batch, keys, keys);
        cascade.decode(0, batch, queries, out);
        outs[round] = Arrays.copyOf(out.toFloats(), 2 * QUERY_HEADS * 8);
        assertEquals(1 + round, new CascadeTables(batch).fill().parts());
      }
    }
    assertArrayEquals(outs[0], outs[1]);
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (PagedAttention attention = ww.attention(spec(Masking.CAUSAL).cascade(true))) {
      Sequence one = more(attention, cache.newSequence(), 9);
      Sequence two = one.fork();
      Batch batch = cache.batch(two, one).advance();
      Tensor q = normals(2, QUERY_HEADS);
      assertThrows(InvalidArgumentException.class, () -> attention.decode(0, batch, q, output(3)));
      assertThrows(InvalidArgumentException.class, () -> attention.decode(0, batch, q, q));
      assertThrows(InvalidArgumentException.class, () -> attention.decode(2, batch, q, output(2)));
      batch.advance(2, 1);
      Tensor three = normals(3, QUERY_HEADS);
      assertThrows(
          InvalidArgumentException.class, () -> attention.decode(0, batch, three, output(3)));
    }
    try (PagedKvCache noting = ww.kvCache(SPEC.observing(Observation.sum()))) {
      AttentionSpec over = AttentionSpec.queryHeads(4).over(noting);
      assertThrows(InvalidArgumentException.class, () -> over.cascade(true));
    }
  }
}
