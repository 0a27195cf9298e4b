package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;

/**
 * Sequences that take steps together. A step is announced with {@link #advance}, which finds room
 * for the new tokens in all layers; then each layer's keys and values are appended and attended to.
 * Used by one thread at a time.
 */
public final class Batch {
  private final PagedKvCache cache;
  private final Sequence[] sequences;
  private final int[] tokens;
  private final long[] versions;
  private final PageTables tables;
  private long step;

  Batch(PagedKvCache cache, Sequence... sequences) {
    this.cache = cache;
    this.sequences = sequences.clone();
    this.tokens = new int[sequences.length];
    this.versions = new long[sequences.length];
    for (int i = 0; i < sequences.length; i++) {
      Sequence sequence = Checks.notNull("sequences[" + i + "]", sequences[i]);
      Checks.that(
          sequence.cache() == cache, "sequences[" + i + "]", "of another cache", "of this cache");
      for (int j = 0; j < i; j++) {
        Checks.that(
            sequences[j] != sequence,
            "sequences[" + i + "]",
            "the same as sequences[" + j + "]",
            "each once");
      }
    }
    KvCacheSpec spec = cache.spec();
    tables = new PageTables(spec.layers(), spec.kvHeads(), spec.pageSize());
  }

  /** The cache that the sequences are in. */
  public PagedKvCache cache() {
    return cache;
  }

  /** Number of sequences. */
  public int size() {
    return sequences.length;
  }

  /**
   * Begins a step that brings one token to each sequence.
   *
   * @throws PoolExhaustedException if there are too few free pages; nothing has changed then
   */
  public Batch advance() {
    int[] ones = new int[sequences.length];
    Arrays.fill(ones, 1);
    return advance(ones);
  }

  /**
   * Begins a step that brings {@code newTokens[i]} tokens to sequence i.
   *
   * @throws PoolExhaustedException if there are too few free pages; nothing has changed then
   */
  public Batch advance(int... newTokens) {
    Checks.that(
        newTokens.length == sequences.length,
        "newTokens.length",
        newTokens.length,
        "" + sequences.length);
    cache.grow(sequences, newTokens);
    tables.begin(sequences.length);
    for (int i = 0; i < sequences.length; i++) {
      tables.request(newTokens[i], sequences[i].position() - newTokens[i]);
    }
    return begin(newTokens);
  }

  /**
   * Begins a step that brings tokens at given logical positions: such as those between others that
   * {@link ChunkPlacer} left out, with or without tokens that follow. A sequence's {@link
   * Sequence#position} is behind the last of all its tokens afterwards. Where positions are not the
   * next ones, the provider must take query tokens at positions of their own.
   *
   * @param at for each sequence the positions of its tokens, at which it has none yet
   * @throws PoolExhaustedException if there are too few free pages; nothing has changed then
   */
  public Batch advanceAt(int[]... at) {
    Checks.notNull("at", at);
    Checks.that(at.length == sequences.length, "at.length", at.length, "" + sequences.length);
    int[] newTokens = new int[at.length];
    int[] next = new int[at.length];
    for (int i = 0; i < at.length; i++) {
      Checks.notNull("at[" + i + "]", at[i]);
      newTokens[i] = at[i].length;
      next[i] = sequences[i].position();
      for (int position : at[i]) {
        Checks.between("at[" + i + "]", position, 0, Integer.MAX_VALUE - 1);
        next[i] = Math.max(next[i], position + 1);
      }
    }
    boolean[] consecutive = new boolean[at.length];
    for (int i = 0; i < at.length; i++) {
      consecutive[i] = isNext(at[i], sequences[i].position());
    }
    cache.grow(sequences, newTokens);
    tables.begin(sequences.length);
    for (int i = 0; i < sequences.length; i++) {
      if (consecutive[i]) {
        tables.request(at[i].length, sequences[i].position() - at[i].length);
      } else {
        sequences[i].continuesAt(next[i]);
        tables.request(at[i]);
      }
    }
    return begin(newTokens);
  }

  /** Whether positions follow each other from {@code next} on. */
  private static boolean isNext(int[] at, int next) {
    for (int i = 0; i < at.length; i++) {
      if (at[i] != next + i) {
        return false;
      }
    }
    return true;
  }

  private Batch begin(int... newTokens) {
    System.arraycopy(newTokens, 0, tokens, 0, tokens.length);
    for (int i = 0; i < sequences.length; i++) {
      versions[i] = sequences[i].version();
    }
    KvCacheSpec spec = cache.spec();
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (Sequence sequence : sequences) {
        for (int head = 0; head < spec.kvHeads(); head++) {
          sequence.addTo(tables, cache.row(layer, head));
        }
      }
    }
    step++;
    return this;
  }

  /** A sequence. */
  Sequence sequence(int index) {
    return sequences[index];
  }

  /** All sequences; refuses closed ones. */
  Sequence[] openSequences() {
    for (int i = 0; i < sequences.length; i++) {
      sequences[i].requireUsable("sequences[" + i + "]");
    }
    return sequences.clone();
  }

  /** Query tokens of the step. */
  public int tokens() {
    return Arrays.stream(tokens).sum();
  }

  /** Whether the step brings exactly one token to each sequence. */
  boolean isDecode() {
    return Arrays.stream(tokens).allMatch(n -> n == 1);
  }

  /** Number of the step, for plans to see that the tables changed. */
  long step() {
    return step;
  }

  /**
   * The step's page tables; refused before the first step and when a sequence went on without this
   * batch.
   */
  PageTables tables() {
    if (step == 0) {
      throw new IllegalStateException("no step: call advance first");
    }
    for (int i = 0; i < sequences.length; i++) {
      if (!sequences[i].isOpen() || sequences[i].version() != versions[i]) {
        throw new IllegalStateException(
            "sequences["
                + i
                + "] was closed, evicted from, or advanced elsewhere after this batch's step: call"
                + " advance again");
      }
    }
    return tables;
  }
}
