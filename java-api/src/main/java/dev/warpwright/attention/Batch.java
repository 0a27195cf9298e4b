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
  private final int[] positions;
  private final long[] versions;
  private final PageTables tables;
  private long step;

  Batch(PagedKvCache cache, Sequence... sequences) {
    this.cache = cache;
    this.sequences = sequences.clone();
    this.tokens = new int[sequences.length];
    this.positions = new int[sequences.length];
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
    System.arraycopy(newTokens, 0, tokens, 0, tokens.length);
    tables.begin(sequences.length);
    for (int i = 0; i < sequences.length; i++) {
      positions[i] = sequences[i].position();
      versions[i] = sequences[i].version();
      tables.request(tokens[i], positions[i] - tokens[i]);
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
      if (!sequences[i].isOpen()) {
        throw new IllegalStateException("sequences[" + i + "] is closed");
      }
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
