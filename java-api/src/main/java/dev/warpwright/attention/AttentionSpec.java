package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.Rope;

/**
 * How attention over a cache works. Made step by step: {@code
 * AttentionSpec.queryHeads(32).over(cache).rope(rope)}.
 *
 * @param cache the cache
 * @param queryHeads query heads a layer; a multiple of the cache's kv heads
 * @param rope rotation of queries and keys
 * @param scale factor of the dot product
 * @param masking masks, cap, biases
 * @param maxBatch most sequences of a batch
 * @param maxTokens most new tokens of a step
 * @param cascade whether pages that sequences of a batch share are read once for all of them
 */
public record AttentionSpec(
    PagedKvCache cache,
    int queryHeads,
    Rope rope,
    float scale,
    Masking masking,
    int maxBatch,
    int maxTokens,
    boolean cascade) {
  /** What every provider can count to. */
  private static final int MOST_SLOTS = 1 << 30;

  /** Checks the values. */
  public AttentionSpec {
    Checks.notNull("cache", cache);
    Checks.notNull("rope", rope);
    Checks.notNull("masking", masking);
    // Merged slots must count for all of their tokens, whatever else is masked.
    masking = cache.spec().observation().counts() ? masking.withSlotBias() : masking;
    Checks.finite("scale", scale);
    Checks.between("maxBatch", maxBatch, 1, 1 << 24);
    Checks.between("maxTokens", maxTokens, 1, Integer.MAX_VALUE);
    Checks.that(
        !cascade || cache.spec().observation().kind() == Observation.Kind.NOTHING,
        "cascade",
        "true over a cache that notes " + cache.spec().observation(),
        "false: where scores are noted, pages are each sequence's own");
    new Heads(cache.spec().layers(), queryHeads, cache.spec().kvHeads(), cache.spec().headDim());
  }

  /** The number of query heads, to be completed with the cache. */
  public static Unbound queryHeads(int queryHeads) {
    return new Unbound(queryHeads);
  }

  /**
   * A spec that lacks its cache.
   *
   * @param queryHeads query heads a layer
   */
  public record Unbound(int queryHeads) {
    /**
     * Causal attention over {@code cache}: no rotation, scale 1/√headDim, at most 64 sequences and
     * 512 new tokens a step.
     */
    public AttentionSpec over(PagedKvCache cache) {
      float scale = (float) (1 / Math.sqrt(Checks.notNull("cache", cache).spec().headDim()));
      return new AttentionSpec(cache, queryHeads, Rope.NONE, scale, Masking.CAUSAL, 64, 512, false);
    }
  }

  /** With a rotation. */
  public AttentionSpec rope(Rope value) {
    return new AttentionSpec(
        cache, queryHeads, value, scale, masking, maxBatch, maxTokens, cascade);
  }

  /** With another scale. */
  public AttentionSpec scale(float value) {
    return new AttentionSpec(cache, queryHeads, rope, value, masking, maxBatch, maxTokens, cascade);
  }

  /** With other masks. */
  public AttentionSpec masking(Masking value) {
    return new AttentionSpec(cache, queryHeads, rope, scale, value, maxBatch, maxTokens, cascade);
  }

  /** With another limit of sequences. */
  public AttentionSpec maxBatch(int value) {
    return new AttentionSpec(cache, queryHeads, rope, scale, masking, value, maxTokens, cascade);
  }

  /** With another limit of new tokens. */
  public AttentionSpec maxTokens(int value) {
    return new AttentionSpec(cache, queryHeads, rope, scale, masking, maxBatch, value, cascade);
  }

  /**
   * With pages that are read once for all sequences of a batch that begin with them, see {@link
   * PrefixGroups}: attention over what a group shares and over what each has of its own is computed
   * apart and joined. The results are those of attention without it but for the order of sums, and
   * have the same bits whatever the order of the batch; they may change with which sequences are in
   * it.
   *
   * @param value whether to; not over a cache that notes scores
   */
  public AttentionSpec cascade(boolean value) {
    return new AttentionSpec(cache, queryHeads, rope, scale, masking, maxBatch, maxTokens, value);
  }

  /** Layers, heads and head dimension. */
  Heads heads() {
    return new Heads(
        cache.spec().layers(), queryHeads, cache.spec().kvHeads(), cache.spec().headDim());
  }

  /** Slots that one row can have at most: those of all pages, for rows may differ in length. */
  int maxLength() {
    KvCacheSpec spec = cache.spec();
    return (int) Math.min(MOST_SLOTS, (long) spec.headPages() * spec.pageSize());
  }
}
